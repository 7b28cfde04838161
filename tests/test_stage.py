import pytest

from posecache.stage import run_stage


def test_a_users_error_is_one_line_and_exit_1() -> None:
    def main() -> None:
        raise ValueError("a.json: row 3:\n  no")

    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == "error: a.json: row 3: no"


def test_our_own_bugs_are_not_hidden() -> None:
    def main() -> None:
        raise AssertionError("broken")

    with pytest.raises(AssertionError):
        run_stage(main)
