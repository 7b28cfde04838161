"""Encodings: logits as floats, or as bytes that say how far each bin lies below the peak.

No encoding ever moves an arg-max, so a store scores exactly as the model's own logits do. Softmax
depends only on differences, so a coded distribution is its peak (float16) and, for every bin, the
nearest of at most 256 levels below the peak; level 0 is the peak itself. The manifest holds the
levels, so any Zarr reader can decode with `peak - levels[code]`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from posecache.stores.layout import Column

Arrays = dict[str, np.ndarray]
STEPS = 8192  # per logit: how finely differences are looked up, far finer than the levels lie
ALMOST = 1 / 1024  # logits below the peak: the level of a bin that equals it but for rounding


@dataclass(frozen=True)
class Encoding:
    """Floats of a dtype, or codes of `levels` (rising from 0, in logits)."""

    name: str
    dtype: str
    levels: tuple[float, ...] = ()

    def columns(self, axis: str, shape: tuple[int, ...]) -> dict[str, Column]:
        """The arrays of one axis, simcc_x or simcc_y, whose rows are (V, K, W)."""
        if not self.levels:
            # Packed, floats would be a fifth smaller but take ten times as long to read.
            return {axis: Column(shape=shape, dtype=self.dtype, shuffle=None)}
        # Neighbouring codes are similar: Zstandard's own entropy coding beats shuffling their bits.
        return {
            axis: Column(shape=shape, dtype=self.dtype, shuffle="noshuffle"),
            f"{axis}_peak": Column(shape=shape[:-1], dtype="float16"),
        }

    def encode(self, axis: str, logits: np.ndarray) -> Arrays:
        """The arrays, by name, that keep float32 logits (..., W)."""
        if not self.levels:
            return {axis: _rounded(logits, self.dtype)}
        peak = logits.max(-1)
        nearest = _nearest(self.levels)
        steps = np.rint((peak[..., None] - logits) * STEPS)
        codes = nearest[np.minimum(steps, len(nearest) - 1).astype(np.intp)]
        np.put_along_axis(codes, logits.argmax(-1)[..., None], 0, axis=-1)
        return {axis: codes, f"{axis}_peak": peak.astype(np.float16)}

    def decode(self, axis: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Logits (..., W) in the dtype in which they are kept; float16 for codes."""
        if not self.levels:
            return arrays[axis]
        codes, peak = arrays[axis], arrays[f"{axis}_peak"][..., None]
        # Single precision, as NumPy is slow in half; the levels are rounded to half first.
        values = np.take(np.array(self.levels, np.float16).astype(np.float32), codes, mode="clip")
        np.subtract(peak.astype(np.float32), values, out=values)
        # Half precision may round a bin up to the peak, which would move the arg-max.
        below = np.nextafter(peak, np.float16(-np.inf)).astype(np.float32)
        logits = torch.from_numpy(np.minimum(values, below, out=values)).half().numpy()
        np.put_along_axis(logits, codes.argmin(-1)[..., None], peak, axis=-1)
        return logits


@cache
def _nearest(levels: tuple[float, ...]) -> np.ndarray:
    """The code, from 1 on, of the level nearest to 0, 1, 2, ... steps below the peak."""
    below = np.arange(math.ceil(levels[-1] * STEPS) + 1) / STEPS
    middles = (np.array(levels[1:]) + np.array(levels[:-1])) / 2
    return np.maximum(np.searchsorted(middles, below), 1).astype(np.uint8)


def _rounded(logits: np.ndarray, dtype: str) -> np.ndarray:
    """Logits (..., W) in another dtype; a bin that rounds up to the peak is put one step below."""
    rounded, top = logits.astype(dtype), logits.argmax(-1)[..., None]
    peak = np.take_along_axis(rounded, top, axis=-1)
    lower = logits < np.take_along_axis(logits, top, axis=-1)
    below = np.nextafter(peak, np.array(-np.inf, dtype))
    np.copyto(rounded, below, where=lower & (rounded == peak))
    return rounded


def _even(step: float, count: int) -> tuple[float, ...]:
    """Level 0, then `ALMOST`, then `count` levels that are one `step` apart."""
    return (0.0, ALMOST, *(step * n for n in range(1, count + 1)))


def _growing(step: float, growth: float, cap: float, end: float, floor: float) -> tuple[float, ...]:
    """Levels whose steps grow as the probability falls, and one for all beyond `end`."""
    levels = [0.0]
    while levels[-1] < end:
        levels.append(levels[-1] + min(step * math.exp(growth * levels[-1]), cap))
    return (0.0, ALMOST, *levels[1:], levels[-1] + floor)


FLOAT16 = Encoding("float16", "float16")
FLOAT32 = Encoding("float32", "float32")
# Steps of 1/128 down to 2 logits, which is 20 nats, below the peak.
INT8 = Encoding("int8", "uint8", _even(1 / 128, 254))
# Steps of 1/110 at the peak and of a tenth at 6 nats; one level for all beyond 12 nats.
COMPACT = Encoding("compact", "uint8", _growing(1 / 110, 3.8, 0.4, 1.2, 0.3))
