"""A model's golden crop: a picture and the logits it gave when the model was made.

It is run again before a model's logits are cached, so that a card that was edited, another runtime
or another device cannot change a teacher unnoticed.
"""

import io
from pathlib import Path

import numpy as np

from posecache import files
from posecache.models.session import Session

GOLDEN_FILE = "golden.npz"
# As a share of the largest logit. CPUs differ by 1e-5, GPUs in full float32 by 1e-4; TF32, swapped
# colours or another normalisation make it more than 1e-2.
TOLERANCE = 5e-3


def write(folder: Path, session: Session) -> None:
    """Run `session` over the golden crop and keep both in a model's folder.

    Raises ValueError for logits that are not finite.
    """
    crop = _picture(session.card.input_size)
    x, y = session.run(crop)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"model {session.card.name} gives logits that are not finite")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, crop=crop, simcc_x=x, simcc_y=y)
    files.write_atomically(folder / GOLDEN_FILE, buffer.getvalue())


def check(folder: Path, session: Session) -> None:
    """Raise ValueError unless the golden crop gives the logits that were kept with it."""
    path = folder / GOLDEN_FILE
    if not path.is_file():
        raise ValueError(f"{path}: no such file: import or train the model again")
    with np.load(path) as golden:
        crop, kept = golden["crop"], (golden["simcc_x"], golden["simcc_y"])
    for axis, before, now in zip("xy", kept, session.run(crop), strict=True):
        if before.shape != now.shape:
            raise ValueError(f"{path}: simcc_{axis} was {before.shape}, is {now.shape} now")
        error = float(np.abs(now - before).max() / max(np.abs(before).max(), 1e-12))
        if not error <= TOLERANCE:
            raise ValueError(
                f"{path}: {session.path} on {session.provider} gives other logits than when it "
                f"was made: simcc_{axis} differs by {error:.1e} of the largest, limit {TOLERANCE}"
            )


def _picture(size: tuple[int, int]) -> np.ndarray:
    """A crop (1, H, W, 3) uint8 RGB of coloured slopes and blocks."""
    rng = np.random.default_rng(0)
    width, height = size
    blocks = rng.integers(0, 96, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
    x, y = np.meshgrid(np.linspace(0, 150, width), np.linspace(0, 150, height))
    slopes = np.stack([x, y, (x + y) / 2], axis=-1)
    return (blocks[:height, :width] + slopes).astype(np.uint8)[None]
