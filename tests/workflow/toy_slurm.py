"""A real Slurm of two emulated nodes on this machine, for tests: it lives in one folder alone.

No file outside of the folder is touched, and ports are free ones, so several can run side by side.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "setpriv")
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
GPUS = {"n1": ("/dev/null", "/dev/zero"), "n2": ("/dev/full", "/dev/random")}  # none is one
PATIENCE = 600.0  # s, longer than KillWait

CONFIGURATION = """\
ClusterName=toy
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
SlurmctldPort={ports[0]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmdParameters=config_overrides
KillWait=30
MinJobAge=86400
InactiveLimit=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobcomp.txt
GresTypes=gpu
NodeName=DEFAULT CPUs=2 RealMemory=64000 Gres=gpu:2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]}
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=UNLIMITED DefMemPerCPU=1000 LLN=YES State=UP
"""


def missing() -> str | None:
    """Why there can be no Slurm here."""
    absent = [name for name in NEEDED if shutil.which(name, path=PATH) is None]
    if absent:
        return f"{', '.join(absent)} not installed (make packages)"
    return None if os.geteuid() == 0 else "only root can start Slurm's daemons"


@dataclass(frozen=True)
class Slurm:
    """A running cluster, and the environment in which its commands find it."""

    folder: Path
    environment: dict[str, str]

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands says."""
        return subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        ).stdout

    def queue(self, form: str) -> list[str]:
        """A line a job, finished ones too, in a format of squeue's."""
        return self.ask("squeue", "--noheader", "--states=all", f"--format={form}").splitlines()


@contextmanager
def running(folder: Path) -> Iterator[Slurm]:
    """A cluster for the length of the block; nothing of it is left then but its folder."""
    slurm, conf = _lay_out(folder), str(folder / "slurm.conf")
    daemons = (
        # By force, as others cannot enter the folder.
        ["munged", "-F", "-f", f"--key-file={folder}/munge.key", f"--seed-file={folder}/munge.seed",
         f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid"],
        ["slurmctld", "-D", "-f", conf],
        *(["slurmd", "-D", "-N", node, "-f", conf] for node in GPUS),
    )  # fmt: skip
    with ExitStack() as started:
        for command in daemons:
            started.enter_context(_daemon(slurm, command))
        _until(lambda: slurm.ask("sinfo", "-h", "-o", "%T %D") == "idle 2\n")
        try:
            yield slurm
        finally:
            slurm.ask("scancel", "--user=root")
            _until(lambda: slurm.ask("squeue", "--noheader") == "")


@contextmanager
def _daemon(slurm: Slurm, command: list[str]) -> Iterator[None]:
    """A daemon that does not outlive this process, however it ends."""
    with (slurm.folder / f"{command[0]}.log").open("ab") as log:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            env=slurm.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _lay_out(folder: Path) -> Slurm:
    """The cluster's files. Jobs lose SLURM_CONF on the way to their srun, so that is wrapped."""
    for name in ("spool/n1", "spool/n2", "state", "bin"):
        (folder / name).mkdir(parents=True)
    file, host = folder / "slurm.conf", socket.gethostname().partition(".")[0]
    file.write_text(CONFIGURATION.format(folder=folder, host=host, ports=_free_ports(3)))
    gpus = [f"NodeName={node} Name=gpu File={g}\n" for node, given in GPUS.items() for g in given]
    (folder / "gres.conf").write_text("".join(gpus))
    wrapper = folder / "bin" / "srun"
    wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={file} exec {shutil.which("srun")} "$@"\n')
    wrapper.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), PATH])
    slurm = Slurm(folder, os.environ | {"SLURM_CONF": str(file), "PATH": path})
    slurm.ask("mungekey", "--create", f"--keyfile={folder}/munge.key")
    return slurm


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that a system gives to whoever asks for any."""
    ports = random.SystemRandom().sample(range(10_000, 30_000), 1000)
    return [port for port in ports if _is_free(port)][:count]


def _is_free(port: int) -> bool:
    with socket.socket() as found, suppress(OSError):
        found.bind(("127.0.0.1", port))
        return True
    return False


def _until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes soon."""
    end = time.monotonic() + PATIENCE
    while not _holds(condition):
        assert time.monotonic() < end, "the toy cluster does not answer as it should"
        time.sleep(0.1)


def _holds(condition: Callable[[], bool]) -> bool:
    """Whether it is so; not while a daemon is still starting."""
    try:
        return condition()
    except subprocess.CalledProcessError:
        return False
