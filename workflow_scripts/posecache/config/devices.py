"""Whether this machine has the device that a configuration asks for, without importing torch."""

from ctypes.util import find_library
from pathlib import Path

from posecache.config.schema import Config

# What the kernel's driver shows: of Linux, of WSL and of NVIDIA's boards with a chip of their own.
DRIVERS = ("/proc/driver/nvidia", "/dev/dxg", "/dev/nvhost-gpu")


def check_device(config: Config) -> None:
    """ValueError if the configuration asks for CUDA and this machine has no NVIDIA driver.

    For jobs that run here: the machine that sends jobs to a cluster needs none.
    """
    if config.compute.device == "cuda" and not has_driver():
        raise ValueError(
            "compute.device: cuda, and this machine has no NVIDIA driver; "
            "`--config compute='{device: cpu}'` runs without"
        )


def has_driver() -> bool:
    """Whether an NVIDIA driver is to be seen; a GPU that it shows may still be unusable."""
    return find_library("cuda") is not None or any(Path(path).exists() for path in DRIVERS)
