"""The parts that run on a GPU, compared with the CPU's results."""

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from posecache import simcc
from posecache.models import RTMPose
from posecache.models.export import to_bytes
from posecache.models.session import Session

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

SIZE = (192, 256)


def test_transport_on_cuda_is_that_on_the_cpu() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(8, 17, bins, generator=generator) * 0.3 for bins in (384, 512))
    angles = torch.linspace(0, 3, 8, dtype=torch.float64)
    turn = torch.stack([angles.cos(), -angles.sin(), angles.sin(), angles.cos()], -1)
    matrix = torch.cat([turn.view(8, 2, 2), torch.full((8, 2, 1), 40.0)], -1)
    here = simcc.transport(x, y, matrix, SIZE)
    there = simcc.transport(x.cuda(), y.cuda(), matrix.cuda(), SIZE)
    for a, b in zip(here, there, strict=True):
        assert b.is_cuda
        np.testing.assert_allclose(a, b.cpu(), atol=1e-5)


def test_a_network_on_cuda_gives_the_logits_of_the_cpu(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(to_bytes(RTMPose("t", 17, SIZE), SIZE))
    card = tiny.Card(**{**vars(tiny.card(path)), "input_size": SIZE})
    images = np.random.default_rng(0).integers(0, 256, (5, 256, 192, 3), dtype=np.uint8)
    here, there = (Session(path, card, batch=4, device=d).run(images) for d in ("cpu", "cuda"))
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3 * np.abs(a).max())
