"""Copies to a device that nobody waits for.

On a GPU they run beside its work, on a stream of their own: what is sent while it is busy with a
step is there when the next one begins.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from torch import Tensor


def onto(values: Tensor, device: torch.device) -> Tensor:
    """`values` of the host on a device.

    From pinned memory: of other memory a CUDA driver may wait for the device until it is copied.
    """
    if device.type != "cuda" or values.device.type == "cuda":
        return values.to(device, non_blocking=True)
    values = values if values.is_pinned() else values.pin_memory()
    with _beside(device) as sent:
        sent.append(values.to(device, non_blocking=True))
    return sent[0]


def spans_onto(
    values: Tensor, starts: np.ndarray, counts: np.ndarray, device: torch.device
) -> Tensor:
    """Spans of the rows of pinned `values` (N, ...), end to end on a GPU."""
    shape = int(counts.sum()), *values.shape[1:]
    with _beside(device) as sent:
        joined = torch.empty(shape, dtype=values.dtype, device=device)
        sent.append(joined)
        spans = zip(starts.tolist(), joined.split(counts.tolist()), strict=True)
        for start, place in spans:
            place.copy_(values[start : start + len(place)], non_blocking=True)
    return joined


def pin(values: Tensor) -> Tensor:
    """The same memory of the host, pinned for as long as the process lives.

    PyTorch's own pinned memory is rounded up to a power of two.
    """
    torch.cuda.check_error(
        torch.cuda.cudart().cudaHostRegister(values.data_ptr(), values.nbytes, 0)
    )
    return values


@contextmanager
def _beside(device: torch.device) -> Iterator[list[Tensor]]:
    """Copy beside the GPU's work; what comes after waits for the copies that are appended."""
    sent: list[Tensor] = []
    current, copies = torch.cuda.current_stream(device), _copies(device)
    with torch.cuda.stream(copies):
        yield sent
    current.wait_stream(copies)
    for tensor in sent:
        tensor.record_stream(current)


@cache
def _copies(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
