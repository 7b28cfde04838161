import pytest
from demo_config import changed

from posecache import config
from posecache.config.devices import check_device, has_driver


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_cuda_needs_a_driver() -> None:
    with pytest.raises(ValueError, match=r"^compute\.device: cuda, and this machine has no NVIDIA"):
        check_device(config.parse(changed("compute.device", "cuda")))


@pytest.mark.skipif(not has_driver(), reason="this machine has no NVIDIA driver")
def test_a_driver_is_seen() -> None:
    check_device(config.parse(changed("compute.device", "cuda")))


def test_a_cpu_is_always_there() -> None:
    check_device(config.parse(changed("compute.device", "cpu")))
