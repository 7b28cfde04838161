"""How logits are kept: as floats, or as bytes that say how far each bin lies below the peak.

No encoding ever moves an arg-max: what is scored from a store is what the model said. Softmax looks
at differences alone, so a coded distribution is its peak (float16) and for every bin the nearest of
at most 256 levels below it; level 0 is the peak's own. The levels stand in the manifest; any Zarr
reader decodes with `peak - levels[code]`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from posecache.store import Column

Arrays = dict[str, np.ndarray]
STEPS = 8192  # a logit: how finely a difference is looked up, far finer than any two levels
ALMOST = 1 / 1024  # below the peak: a bin that is as high but for rounding


@dataclass(frozen=True)
class Encoding:
    """Floats of a dtype, or codes of `levels` (rising from 0, in logits)."""

    name: str
    dtype: str
    levels: tuple[float, ...] = ()

    def columns(self, axis: str, shape: tuple[int, ...]) -> dict[str, Column]:
        """The arrays of one axis, simcc_x or simcc_y, whose rows are (V, K, W)."""
        if not self.levels:
            # Packed they would be a fifth smaller, and take ten times as long to read.
            return {axis: Column(shape=shape, dtype=self.dtype, shuffle=None)}
        # Codes of like neighbours: Zstandard's own entropy coding beats a shuffle of their bits.
        return {
            axis: Column(shape=shape, dtype=self.dtype, shuffle="noshuffle"),
            f"{axis}_peak": Column(shape=shape[:-1], dtype="float16"),
        }

    def encode(self, axis: str, logits: np.ndarray) -> Arrays:
        """Arrays by name of float32 logits (..., W)."""
        if not self.levels:
            return {axis: _rounded(logits, self.dtype)}
        peak = logits.max(-1)
        nearest = _nearest(self.levels)
        steps = np.rint((peak[..., None] - logits) * STEPS)
        codes = nearest[np.minimum(steps, len(nearest) - 1).astype(np.intp)]
        np.put_along_axis(codes, logits.argmax(-1)[..., None], 0, axis=-1)
        return {axis: codes, f"{axis}_peak": peak.astype(np.float16)}

    def decode(self, axis: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Logits (..., W): as they are kept, or float16."""
        if not self.levels:
            return arrays[axis]
        codes, peak = arrays[axis], arrays[f"{axis}_peak"][..., None]
        # In single precision, as NumPy's half is slow; the levels as they are in half.
        values = np.take(np.array(self.levels, np.float16).astype(np.float32), codes, mode="clip")
        np.subtract(peak.astype(np.float32), values, out=values)
        # Half precision may round a bin up to the peak, which would move the arg-max.
        below = np.nextafter(peak, np.float16(-np.inf)).astype(np.float32)
        logits = torch.from_numpy(np.minimum(values, below, out=values)).half().numpy()
        np.put_along_axis(logits, codes.argmin(-1)[..., None], peak, axis=-1)
        return logits


@cache
def _nearest(levels: tuple[float, ...]) -> np.ndarray:
    """The code of the level nearest to 0, 1, 2, ... steps below the peak; 0 is the peak's own."""
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
    """Levels 0, then `ALMOST`, then `count` of a step each."""
    return (0.0, ALMOST, *(step * n for n in range(1, count + 1)))


def _growing(step: float, growth: float, cap: float, end: float, floor: float) -> tuple[float, ...]:
    """Levels whose steps grow as the probability falls, and one for all that is below `end`."""
    levels = [0.0]
    while levels[-1] < end:
        levels.append(levels[-1] + min(step * math.exp(growth * levels[-1]), cap))
    return (0.0, ALMOST, *levels[1:], levels[-1] + floor)


ENCODINGS = {
    encoding.name: encoding
    for encoding in (
        Encoding("float16", "float16"),
        Encoding("float32", "float32"),
        # Steps of 1/128 to 2 logits, which is 20 nats, below the peak.
        Encoding("int8", "uint8", _even(1 / 128, 254)),
        # 1/110 at the peak, a tenth at 6 nats; one level for all that is 12 nats below.
        Encoding("compact", "uint8", _growing(1 / 110, 3.8, 0.4, 1.2, 0.3)),
    )
}
