"""Copies to a device that nobody waits for."""

import torch
from torch import Tensor


def onto(values: Tensor, device: torch.device) -> Tensor:
    """`values` of the host on a device.

    From pinned memory: of other memory a CUDA driver may wait for the device until it is copied.
    """
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
