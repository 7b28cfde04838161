"""Python, cores, memory and picture decoders of this machine."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

import posecache
from posecache.doctor.finding import FAIL, OK, WARN, Finding
from posecache.samples import pictures

SHM = Path("/dev/shm")
SHM_A_PROCESS = 64 * 2**20  # what containers have by default, and too little for several processes
GREY = 9.0  # levels by which a decoded JPEG may differ from what was encoded
# Limits of a control group, of versions 2 and 1; a machine without any has neither.
CPU_QUOTAS = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
CPU_PERIOD = "/sys/fs/cgroup/cpu/cpu.cfs_period_us"
MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def versions() -> Finding:
    """Python, posecache and Snakemake."""
    found = f"{platform.python_version()}, posecache {posecache.__version__}"
    try:
        return Finding(OK, "Python", f"{found}, Snakemake {version('snakemake')}")
    except PackageNotFoundError:
        todo = "`pip install snakemake`, or activate the environment that has it"
        return Finding(FAIL, "Python", f"{found}, no Snakemake", todo)


def cores(threads: int | None) -> Finding:
    """The cores that this process is given, against the `threads` of the largest job, if any."""
    given = cores_given()
    if threads is None:
        return Finding(OK, "cores", f"{given:g} given")
    found = f"{given:g} given, the largest job asks for {threads}"
    if threads <= given:
        return Finding(OK, "cores", found)
    todo = f"compute.threads: {max(int(given), 1)}; more only take turns"
    return Finding(WARN, "cores", found, todo)


def cores_given() -> float:
    """Cores that this process may use, after its affinity and its control group's quota."""
    given = float(len(os.sched_getaffinity(0)))
    for path in CPU_QUOTAS:
        fields = _text(path).split()
        if fields and fields[0] not in ("max", "-1"):
            period = fields[1] if len(fields) > 1 else _text(CPU_PERIOD)
            given = min(given, int(fields[0]) / int(period))
    return given


def memory(wanted_mb: float | None) -> Finding:
    """Main memory that is free, against what the largest job asks for, if any."""
    free = memory_free() / 1e6
    if wanted_mb is None:
        return Finding(OK, "memory", f"{free:,.0f} MB free")
    found = f"{free:,.0f} MB free, the largest job asks for {wanted_mb:,.0f} MB"
    if wanted_mb <= free:
        return Finding(OK, "memory", found)
    return Finding(WARN, "memory", found, "a smaller compute.memory_mb, logits.batch or batch_size")


def memory_free() -> float:
    """Bytes of main memory that are available, within the control group's limit."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    limits = [int(text) for path in MEMORY_LIMITS if (text := _text(path)).isdecimal()]
    return float(min([free, *limits]))


def shared_memory(processes: int) -> Finding:
    """/dev/shm, through which the processes of one run talk."""
    free = shutil.disk_usage(SHM).free if SHM.is_dir() else 0
    found = f"{free / 2**20:,.0f} MiB free, the largest run has {processes} processes"
    if processes == 1 or free > processes * SHM_A_PROCESS:
        return Finding(OK, str(SHM), found)
    return Finding(WARN, str(SHM), found, "of a container: --shm-size=8g")


def jpeg() -> Finding:
    """Both decoders of pictures, on a small picture."""
    image = np.full((32, 48, 3), (200, 120, 40), np.uint8)
    try:
        data = pictures.encode(image, quality=95)
        own = np.empty_like(image)
        pictures.decode_into(memoryview(data), own)
        wrong = [_unlike(image, found) for found in (own, pictures.decode(data))]
    except (ValueError, OSError) as error:
        return Finding(FAIL, "JPEG", str(error), "install simplejpeg and OpenCV again")
    if max(wrong) > GREY:
        found = f"a picture comes back {max(wrong):.0f} grey levels away"
        return Finding(FAIL, "JPEG", found, "install simplejpeg and OpenCV again")
    return Finding(OK, "JPEG", "simplejpeg and OpenCV decode")


def _unlike(image: np.ndarray, found: np.ndarray) -> float:
    return float(np.abs(image.astype(float) - found).max())


def _text(path: str) -> str:
    """A small file's content; nothing where there is none."""
    return Path(path).read_text().strip() if Path(path).is_file() else ""
