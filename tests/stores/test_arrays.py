from pathlib import Path

import numpy as np
import zarr
from tiny_store import fill

from posecache.stores.layout import ARRAYS


def test_another_zarr_reader_needs_nothing_of_ours(tmp_path: Path) -> None:
    fill(tmp_path)
    array = zarr.open_array(tmp_path / ARRAYS / "number", mode="r")
    np.testing.assert_array_equal(array[:], np.arange(10))
