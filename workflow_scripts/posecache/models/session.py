"""Running a model's ONNX file: one preprocessing and one inference path for teachers and students.

Shapes: B crops, K keypoints, H x W input px, Wx and Wy bins.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from posecache.models.card import Card
from posecache.models.heads import Said, head_of

# ONNX Runtime's exceptions share no base class.
RUNTIME_ERRORS = (
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NoSuchFile,
    runtime.NotImplemented,
    runtime.RuntimeException,
)

PROVIDERS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "cpu": [("CPUExecutionProvider", {})],
    "cuda": [
        (
            "CUDAExecutionProvider",
            {
                # TF32 changes a teacher's logits by up to 1e-1; the default search for
                # convolutions is repeated at every new shape.
                "use_tf32": 0,
                "cudnn_conv_algo_search": "HEURISTIC",
                "arena_extend_strategy": "kSameAsRequested",
            },
        )
    ],
}


class Session:
    """A model ready to run; every call sees batches of one constant shape."""

    def __init__(
        self, model: Path, card: Card, *, batch: int, device: str = "cpu", threads: int = 1
    ) -> None:
        """Raises ValueError if the file cannot be opened or if `device` is not available."""
        self.path, self.card, self.batch = model, card, batch
        self._session = _open(model, device, threads)
        self._input: str = self._session.get_inputs()[0].name
        self._head = head_of(card)
        given = [output.name for output in self._session.get_outputs()]
        self._outputs = self._head.outputs(given)
        if missing := set(self._outputs) - set(given):
            raise ValueError(
                f"{model}: its card asks for outputs {sorted(missing)}; it has {given}"
            )
        self.provider: str = self._session.get_providers()[0]
        # x / std - mean / std in one multiplication and one addition.
        std = np.asarray(card.std, np.float32)
        self._factor, self._offset = 1 / std, -np.asarray(card.mean, np.float32) / std

    def run(self, images: np.ndarray) -> Said:
        """Logits x (B, K, Wx) and y (B, K, Wy), and of a refined model its keypoints (B, K, 3) in
        input px with scores, all float32, of crops (B, H, W, 3) uint8 RGB."""
        return self._run(images, flip=False)

    def run_flipped(self, images: np.ndarray) -> Said:
        """The same, by means of the crops' outputs and the mirrored crops', brought back: MMPose's
        flip test. A refined model's places and scores are means, too."""
        return self._run(images, flip=True)

    def seconds_a_batch(self) -> float:
        """Seconds of one forward pass of a whole batch, once the session is warm."""
        width, height = self.card.input_size
        batch = np.zeros((self.batch, 3, height, width), np.float32)
        started = time.perf_counter()
        self._forward(batch)
        return time.perf_counter() - started

    def _normalise(self, images: np.ndarray) -> np.ndarray:
        """Network input (B, 3, H, W) float32, filled by channel to avoid a transposed copy."""
        if self.card.color_order == "bgr":
            images = images[..., ::-1]
        inputs = np.empty((len(images), 3, *images.shape[1:3]), np.float32)
        for channel in range(3):
            plane = inputs[:, channel]
            np.multiply(images[..., channel], self._factor[channel], out=plane)
            plane += self._offset[channel]
        return inputs

    def _run(self, images: np.ndarray, *, flip: bool) -> Said:
        """What is said of any number of crops (B, H, W, 3)."""
        inputs = self._normalise(images)
        parts = [
            self._said(inputs[start : start + self.batch], flip)
            for start in range(0, len(inputs), self.batch)
        ]
        return tuple(map(np.concatenate, zip(*parts, strict=True)))

    def _said(self, inputs: np.ndarray, flip: bool) -> Said:
        """What is said of at most a batch of network inputs (B, 3, H, W)."""
        outputs = self._forward(inputs)
        if flip:
            mirrored = self._forward(np.ascontiguousarray(inputs[..., ::-1]))
            back = self._head.back(mirrored)
            outputs = [(one + other) / 2 for one, other in zip(outputs, back, strict=True)]
        return self._head.read(outputs, flipped=flip)

    def _forward(self, batch: np.ndarray) -> list[np.ndarray]:
        """What the head reads (B, ...), of one call.

        A short batch is padded, as ONNX Runtime would plan again for a new shape.
        """
        count = len(batch)
        if count < self.batch:
            padding = np.zeros((self.batch - count, *batch.shape[1:]), np.float32)
            batch = np.concatenate([batch, padding])
        # Outputs are bound by name, so that only these are copied from the device.
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input, batch)
        for name in self._outputs:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding)
        return [output[:count] for output in binding.copy_outputs_to_cpu()]


def _open(model: Path, device: str, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads that spin would take the cores of other jobs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    if device == "cuda":
        # At this level it warns of nodes that have no CUDA kernel and run on the CPU.
        options.log_severity_level = 2
        onnxruntime.preload_dlls()  # the CUDA libraries that pip installed beside torch
    try:
        session = onnxruntime.InferenceSession(
            str(model), sess_options=options, providers=PROVIDERS[device]
        )
    except RUNTIME_ERRORS as error:
        raise ValueError(f"{model}: ONNX Runtime cannot open it: {error}") from None
    asked = PROVIDERS[device][0][0]
    if session.get_providers()[0] != asked:
        raise ValueError(
            f"device {device}: ONNX Runtime offers {session.get_providers()} instead of {asked}; "
            "`device: cpu` is the way to say that a CPU will do"
        )
    return session
