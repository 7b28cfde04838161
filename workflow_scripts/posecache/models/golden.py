"""A model's golden crop: a picture and what the model said of it when it was made.

It is run again before a model's logits are cached, so that a card that was edited, another runtime
or another device cannot change a teacher unnoticed.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np

from posecache import files
from posecache.models.export import OUTPUTS
from posecache.models.session import Session

GOLDEN_FILE = "golden.npz"
# As a share of the largest value. CPUs differ by 1e-5, GPUs in full float32 by 1e-4; TF32, swapped
# colours or another normalisation make it more than 1e-2.
TOLERANCE = 5e-3
KEYPOINTS = "keypoints"  # of refined models
KEPT = (*OUTPUTS, KEYPOINTS)


def write(folder: Path, session: Session) -> None:
    """Run `session` over the golden crop and keep both in a model's folder.

    Raises ValueError for logits that are not finite.
    """
    crop = _picture(session.card.input_size)
    said = _said(session, crop)
    if not all(np.isfinite(part).all() for part in said.values()):
        raise ValueError(f"model {session.card.name} gives logits that are not finite")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, crop=crop, **said)
    files.write_atomically(folder / GOLDEN_FILE, buffer.getvalue())


def check(folder: Path, session: Session) -> None:
    """Raise ValueError unless the golden crop gives the logits that were kept with it."""
    path = folder / GOLDEN_FILE
    if not path.is_file():
        raise ValueError(f"{path}: no such file: import or train the model again")
    with np.load(path) as golden:
        kept = dict(golden)
    said = _said(session, kept.pop("crop"))
    shapes = [{name: part.shape for name, part in found.items()} for found in (kept, said)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{path}: it gave {shapes[0]}, and gives {shapes[1]} now")
    for name, before in kept.items():
        # Where two bins are as high, rounding decides from which one a keypoint is refined.
        summed = np.median if name == KEYPOINTS else np.max
        error = float(summed(np.abs(said[name] - before)) / max(np.abs(before).max(), 1e-12))
        if not error <= TOLERANCE:
            raise ValueError(
                f"{path}: {session.path} on {session.provider} gives other logits than when it "
                f"was made: {name} differs by {error:.1e} of the largest, limit {TOLERANCE}"
            )


def _said(session: Session, crop: np.ndarray) -> dict[str, Any]:
    """What a model says of the crop, by the names under which it is kept."""
    return dict(zip(KEPT, session.run(crop), strict=False))


def _picture(size: tuple[int, int]) -> np.ndarray:
    """A crop (1, H, W, 3) uint8 RGB of coloured slopes and blocks."""
    rng = np.random.default_rng(0)
    width, height = size
    blocks = rng.integers(0, 96, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
    x, y = np.meshgrid(np.linspace(0, 150, width), np.linspace(0, 150, height))
    slopes = np.stack([x, y, (x + y) / 2], axis=-1)
    return (blocks[:height, :width] + slopes).astype(np.uint8)[None]
