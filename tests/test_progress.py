"""How often a bar writes into a log."""

import time

from posecache.progress import Bar


def test_lines_come_the_more_seldom_the_longer_it_runs() -> None:
    with Bar(10, "step", disable=False) as bar:
        assert bar.mininterval == 5.0
        bar.start_t = time.time() - 100_000
        bar.last_print_t = time.time() - 6
        assert bar.update()
        assert 1000 <= bar.mininterval < 1050
        bar.last_print_t = time.time() - 6
        assert not bar.update()
