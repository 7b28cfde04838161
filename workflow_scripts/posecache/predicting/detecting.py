"""Boxes of people by a detector that rtmlib runs."""

import contextlib
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from posecache.predicting.given import Boxes, Given

KINDS = {"yolox": "YOLOX", "rtmdet": "RTMDet", "rfdetr": "RFDETR"}  # rtmlib's classes


def kind_of(path: Path) -> str:
    """The kind that a detector's file name says; ValueError if it says none."""
    name = path.name.lower().replace("-", "").replace("_", "")
    for kind in KINDS:
        if kind in name:
            return kind
    raise ValueError(
        f"{path}: its name says none of {', '.join(KINDS)}: expected --detector-kind to say it"
    )


class Detector:
    """A detector of people."""

    def __init__(self, path: Path, kind: str, device: str = "cpu") -> None:
        """ValueError if rtmlib is not installed or cannot run the file as one of this kind."""
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        if find_spec("rtmlib") is None:
            raise ValueError(
                "--detector: needs rtmlib: `pip install --no-deps rtmlib`, without the OpenCV and "
                "the ONNX Runtime that it would put in the place of those here"
            )
        self._path, self._kind = path, kind
        self._tool = self._opened(device)
        self._boxes(np.full((64, 48, 3), 127, np.uint8))

    def __call__(self, picture: Given, image: np.ndarray) -> Boxes:
        """People as the detector's own thresholds choose them, clipped to the picture. It tells no
        scores: each is 1."""
        size = np.array(image.shape[1::-1] * 2, np.float32)
        corners = np.clip(self._boxes(image), 0, size)
        xywh = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        xywh = xywh[(xywh[:, 2:] > 0).all(1)]
        return Boxes(xywh, np.ones(len(xywh), np.float32))

    def _opened(self, device: str) -> Any:
        import rtmlib

        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it greets
                tool = getattr(rtmlib, KINDS[self._kind])(
                    str(self._path), backend="onnxruntime", device=device
                )
            height, width = tool.session.get_inputs()[0].shape[2:]
        except Exception as error:  # rtmlib and ONNX Runtime raise anything
            raise self._refused(error) from None
        if isinstance(height, int) and isinstance(width, int):  # else rtmlib's own
            tool.model_input_size = (height, width)
        return tool

    def _boxes(self, image: np.ndarray) -> np.ndarray:
        """Corners (P, 4) xyxy px of the people in a picture (H, W, 3) uint8 RGB."""
        try:
            found = self._tool(np.ascontiguousarray(image[..., ::-1]))  # BGR, as they are trained
        except Exception as error:  # see above
            raise self._refused(error) from None
        return np.asarray(found, np.float32).reshape(-1, 4)

    def _refused(self, error: Exception) -> ValueError:
        return ValueError(f"{self._path}: rtmlib cannot run it as {self._kind}: {error}")
