import signal
import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import pytest

import posecache
from posecache.stage import run_stage


def test_a_users_error_is_one_line_and_exit_1() -> None:
    def main() -> None:
        raise ValueError("a.json: row 3:\n  no")

    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == "error: a.json: row 3: no"


def test_no_memory_is_one_line_too() -> None:
    with pytest.raises(SystemExit) as caught:
        run_stage(lambda: bytearray(1 << 62))
    assert caught.value.code == "error: out of memory"


def test_our_own_bugs_are_not_hidden() -> None:
    def main() -> None:
        raise AssertionError("broken")

    with pytest.raises(AssertionError):
        run_stage(main)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A stage that waits."""
    path = tmp_path / "waiting.py"
    text = """
        import time
        from posecache.stage import run_stage

        def main():
            print("ready", flush=True)
            time.sleep(60)

        run_stage(main)
    """
    path.write_text(textwrap.dedent(text))
    return path


def interrupted(script: Path, stderr: int) -> tuple[int, str | None]:
    """The exit code and what stands on stderr after Ctrl-C."""
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        told = process.communicate()[1]
        return process.returncode, told


def test_ctrl_c_is_one_line_and_exit_130(script: Path) -> None:
    assert interrupted(script, subprocess.PIPE) == (130, "interrupted\n")


def test_each_start_is_told_apart_in_a_log(script: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with (tmp_path / "log").open("a") as log:
            interrupted(script, log.fileno())
    lines = (tmp_path / "log").read_text().splitlines()
    begun = f" waiting.py, posecache {posecache.__version__}, {datetime.now().date()}"
    assert [lines[0].endswith(begun), lines[2].endswith(begun)] == [True, True]
    assert lines[1::2] == ["interrupted"] * 2
