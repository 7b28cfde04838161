"""Handing a logit store on: as one file, in its own or in another encoding."""

import shutil
from pathlib import Path

from posecache import skeletons
from posecache.logits.recoding import recode
from posecache.logits.settings import KIND
from posecache.stores import packing
from posecache.stores.manifest import read_manifest


def pack(folder: Path, file: Path, encoding: str | None = None) -> None:
    """Write a logit store as one file, whole or not at all; its own encoding unless told.

    ValueError for a store that is not sealed or damaged.
    """
    own = read_manifest(folder, KIND)["identity"]["encoding"]
    if encoding is None or encoding == own:
        packing.pack(folder, file, KIND)
        return
    recoded = file.with_name(f".{file.name}.{encoding}")  # what a killed job left there is kept
    try:
        recode(folder, recoded, encoding)
        packing.pack(recoded, file, KIND)
    finally:
        shutil.rmtree(recoded, ignore_errors=True)


def unpack(file: Path, folder: Path, skeleton: str | None = None) -> None:
    """Make a logit store of a packed one, whole or not at all.

    `skeleton` is its skeleton's name here, where that is a file which lies elsewhere. ValueError
    for a folder that exists, for a file that is damaged, and for a skeleton of other keypoints.
    """
    if skeleton is None:
        packing.unpack(file, folder, KIND)
        return
    identity = packing.read_packed(file, KIND)["identity"]
    recorded = {key: identity[key] for key in ("keypoints", "flip_pairs")}
    skeletons.check_content(skeletons.known(skeleton), recorded, file)
    packing.unpack(file, folder, KIND, {"skeleton": skeleton})
