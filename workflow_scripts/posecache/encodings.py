"""How logits are kept: as floats, or as bytes that say how far each bin lies below the peak.

Softmax looks at differences alone, so a coded distribution is its peak (float16) and for every bin
the nearest of 256 levels below it. Level 0 is the peak's own, so that the arg-max stays but among
bins that half precision cannot tell apart. The levels stand in the manifest; any Zarr reader
decodes with `peak - levels[code]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from posecache.store import Column

Arrays = dict[str, np.ndarray]
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
            return {axis: Column(shape=shape, dtype=self.dtype)}
        # Codes of like neighbours: Zstandard's own entropy coding beats a shuffle of their bits.
        return {
            axis: Column(shape=shape, dtype="uint8", shuffle="noshuffle"),
            f"{axis}_peak": Column(shape=shape[:-1], dtype="float16"),
        }

    def encode(self, axis: str, logits: np.ndarray) -> Arrays:
        """Arrays by name of float32 logits (..., W)."""
        if not self.levels:
            return {axis: logits.astype(self.dtype)}
        peak = logits.max(-1)
        levels = np.array(self.levels, np.float32)
        codes = np.searchsorted((levels[1:] + levels[:-1]) / 2, peak[..., None] - logits)
        codes = np.maximum(codes, 1).astype(np.uint8)
        np.put_along_axis(codes, logits.argmax(-1)[..., None], 0, axis=-1)
        return {axis: codes, f"{axis}_peak": peak.astype(np.float16)}

    def decode(self, axis: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Logits (..., W): as they are kept, or float16."""
        if not self.levels:
            return arrays[axis]
        below = np.array(self.levels, np.float32).astype(np.float16)[arrays[axis]]
        return arrays[f"{axis}_peak"][..., None] - below


def _steps(*parts: tuple[float, float]) -> tuple[float, ...]:
    """Levels from 0 in steps up to each end: (step, end), (step, end), ..."""
    levels = [0.0]
    for step, end in parts:
        count = round((end - levels[-1]) / step)
        levels += [levels[-1] + step * n for n in range(1, count + 1)]
    return tuple(levels)


ENCODINGS = {
    encoding.name: encoding
    for encoding in (
        Encoding("float16", "float16"),
        Encoding("float32", "float32"),
        # Steps of 1/128 to 2 logits, which is 20 nats, below the peak.
        Encoding("int8", "uint8", (0.0, ALMOST, *_steps((1 / 128, 254 / 128))[1:])),
        # Fine where the probability lies, coarse to 14 nats, one level for all that is below.
        Encoding(
            "compact", "uint8", (0.0, ALMOST, *_steps((1 / 80, 0.5), (0.1, 1.4), (0.3, 1.7))[1:])
        ),
    )
}
