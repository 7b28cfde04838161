"""The learning rate and the EMA momentum as pure functions of the step."""

import math


def learning_rate(
    step: int, total_steps: int, *, base: float, warmup_steps: int, final_ratio: float
) -> float:
    """Linear warm-up from 1e-5 * base, constant to half of the run, cosine to final_ratio * base.

    `step` counts from 0. Source: RTMPose's configs (LinearLR by step, CosineAnnealingLR over the
    second half of the epochs).
    """
    warmup_steps = min(warmup_steps, total_steps // 2)
    if step < warmup_steps:
        return base * (1e-5 + (1 - 1e-5) * step / max(warmup_steps - 1, 1))
    half = total_steps // 2
    if step < half:
        return base
    phase = (step - half) / max(total_steps - half, 1)
    return base * (final_ratio + (1 - final_ratio) * (1 + math.cos(math.pi * phase)) / 2)


def ema_momentum(step: int, momentum: float, gamma: float = 2000.0) -> float:
    """Share of the new weights in the average at `step`, from 1 down to `momentum`.

    Source: MMDetection's ExpMomentumEMA, which RTMPose uses.
    """
    return (1 - momentum) * math.exp(-(1 + step) / gamma) + momentum
