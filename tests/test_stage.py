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
    """A stage that waits; jobs in a shell's background would not hear Ctrl-C, so it is told to."""
    path = tmp_path / "waiting.py"
    text = """
        import signal, time
        from posecache.stage import run_stage

        signal.signal(signal.SIGINT, signal.default_int_handler)

        def main():
            print("ready", flush=True)
            time.sleep(3600)

        run_stage(main)
    """
    path.write_text(textwrap.dedent(text))
    return path


def test_ctrl_c_is_one_line_and_exit_130_in_a_log_that_says_what_began(script: Path) -> None:
    command, days = [sys.executable, str(script)], [datetime.now().date()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        begun, *rest = process.communicate()[1].splitlines()
    assert (process.returncode, rest) == (130, ["interrupted"])
    days.append(datetime.now().date())  # it may be midnight
    begins = [f" waiting.py, posecache {posecache.__version__}, {day}" for day in days]
    assert begun.endswith(tuple(begins))
