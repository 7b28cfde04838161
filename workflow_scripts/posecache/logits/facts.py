"""What a logit store says of its model, for those who only plan: nothing heavy is imported."""

from dataclasses import dataclass
from pathlib import Path

from posecache import skeletons
from posecache.logits.settings import KIND
from posecache.stores.manifest import read_manifest


@dataclass(frozen=True)
class Facts:
    """The model that filled a store."""

    model: str  # sha256 of its file
    skeleton: str
    input_size: tuple[int, int]  # width, height in px
    views: int  # of each person


def read(folder: Path) -> Facts:
    """The facts of a sealed logit store; ValueError if there is none, or no such skeleton."""
    manifest = read_manifest(folder, KIND)
    width, height = manifest["input_size"]
    try:
        skeleton = skeletons.known(manifest["skeleton"])
    except ValueError as error:
        raise ValueError(
            f"{folder}: its skeleton: {error}; `posecache unpack --skeleton` says where it is here"
        ) from None
    views = manifest["layout"]["columns"]["matrix"]["shape"][0]
    return Facts(manifest["identity"]["model"], skeleton, (width, height), views)
