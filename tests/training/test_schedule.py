import math

import pytest

from posecache.training.schedule import ema_momentum, learning_rate


def rate(step: int) -> float:
    return learning_rate(step, 100, base=4e-3, warmup_steps=11, final_ratio=0.05)


def test_learning_rate_warms_up_stays_and_falls() -> None:
    assert rate(0) == pytest.approx(4e-8)
    assert rate(5) == pytest.approx(4e-3 * (1e-5 + (1 - 1e-5) / 2))
    assert rate(10) == rate(49) == rate(50) == pytest.approx(4e-3)
    assert rate(75) == pytest.approx(4e-3 * (0.05 + 0.95 / 2))
    assert rate(100) == pytest.approx(2e-4)


def test_warm_up_takes_at_most_half_of_a_short_run() -> None:
    assert learning_rate(3, 8, base=1.0, warmup_steps=1000, final_ratio=0.05) == pytest.approx(1.0)


def test_ema_momentum_falls_from_one() -> None:
    assert ema_momentum(0, 0.0002) == pytest.approx(0.9998 * math.exp(-1 / 2000) + 0.0002)
    assert ema_momentum(10**6, 0.0002) == pytest.approx(0.0002)
