from posecache.stores import timing


def test_numbers_are_added_up_and_what_differs_is_listed() -> None:
    one = {"num_rows": 4, "seconds_cutting": 1.5, "provider": "CPU", "version": "1"}
    other = {"num_rows": 2, "seconds_cutting": 0.5, "provider": "CUDA", "version": "1"}
    assert timing.total([one, other, {"num_rows": 1}]) == {
        "num_rows": 7,
        "seconds_cutting": 2.0,
        "provider": ["CPU", "CUDA"],
        "version": "1",
    }


def test_each_timed_step_has_its_speed() -> None:
    runtime = {"num_rows": 6, "seconds_cutting": 2.0, "seconds_writing": 0.5, "provider": "CPU"}
    assert timing.samples_per_second(runtime) == {"cutting": 3.0, "writing": 12.0}
    assert timing.samples_per_second({"seconds_writing": 0.5}) == {}
