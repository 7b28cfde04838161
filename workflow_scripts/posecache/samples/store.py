"""Reading a sealed sample store."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from posecache import datasets, files, skeletons
from posecache.datasets.records import Source
from posecache.samples import pictures
from posecache.samples.flat_crops import FlatCrops
from posecache.samples.people import People
from posecache.samples.pictures import Picture
from posecache.samples.settings import CROPS_FORMAT
from posecache.stores.store import Store

KIND = "samples"
JPEG = "crop_jpeg"
PICTURE = "picture"  # the digest of the row's image file


class SampleStore(Store):
    """A sealed sample store; the small columns are read whole, the crops as they are needed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, KIND)
        self.skeleton: str = self.manifest["skeleton"]
        self.labelled = self.skeleton != skeletons.NONE
        self.annotation_file = Path(self.manifest["annotations"])
        self.boxes: str = self.manifest["boxes"]
        skeletons.check_content(self.skeleton, self.identity["skeleton"], folder)
        # Content alone: what is cut anew from the same labels and pictures is the same.
        self.fingerprint = files.fingerprint([self.identity["skeleton"], self.manifest["shards"]])
        crops = self.identity["crops"]
        if crops is not None and crops.get("format") != CROPS_FORMAT:
            raise ValueError(
                f"{folder}: holds crops of format {crops.get('format', 1)}, expected "
                f"{CROPS_FORMAT}: prepare the samples again"
            )

    def truth(self) -> dict[str, Any]:
        """The COCO record of this store's images; ValueError if the annotation file has changed."""
        if files.sha256(self.annotation_file) != self.identity["files"][0]:
            raise ValueError(
                f"{self.annotation_file}: is not the file any more that {self.folder} was made of"
            )
        source = Source(
            format=self.manifest["annotation_format"],
            annotations=self.annotation_file,
            image_root=Path(self.manifest["image_root"]),
            skeleton=self.skeleton,
            wanted=frozenset(self.manifest["image_paths"]),
        )
        return datasets.truth(source)

    @property
    def keypoints(self) -> np.ndarray:
        """Keypoints (N, K, 2) image px, NaN where not labelled; K is 0 without labels."""
        if not self.labelled:
            return np.empty((self.n, 0, 2), np.float32)
        return self.column("keypoints")

    @cached_property
    def people(self) -> People:
        """Who the rows are."""
        paths = np.array([path.encode() for path in self.manifest["image_paths"]])
        names = paths[self.column("image_index")]
        names = names.astype(f"S{np.char.str_len(names).max()}")  # without those of empty images
        image = names.view(np.uint8).reshape(self.n, -1)
        return People(image, *(self.column(n) for n in (PICTURE, "instance_id", "box")))

    @cached_property
    def labels(self) -> str:
        """A digest of what augmented views are drawn from, besides the boxes."""
        keypoints = self.keypoints
        same = np.where(np.isnan(keypoints), np.float32("nan"), keypoints)  # one NaN of many
        digest = hashlib.sha256(same.tobytes()).hexdigest()
        return files.fingerprint([self.identity["skeleton"], digest])

    def image_path(self, row: int) -> Path:
        """The image file of a row."""
        relative = self.manifest["image_paths"][self.column("image_index")[row]]
        return Path(self.manifest["image_root"]) / relative

    def picture(self, row: int) -> Picture:
        """The image file of a row, as it was when the samples were prepared."""
        digest = self.column(PICTURE)[row].tobytes()
        return Picture(self.image_path(row), self.place(row), digest)

    def check_pictures(self, start: int, stop: int) -> None:
        """ValueError naming the first of rows start ... stop - 1 whose image file is missing or of
        another size than it was; none is read."""
        images = self.column("image_index")[start:stop]
        for row in (np.unique(images, return_index=True)[1] + start).tolist():
            path, size = self.image_path(row), self.manifest["image_bytes"][images[row - start]]
            if not path.is_file():
                raise ValueError(f"{self.place(row)}: {path}: no such file")
            if path.stat().st_size != size:
                raise ValueError(f"{self.place(row)}: {path}: {pictures.CHANGED}")

    def changed_pictures(self) -> list[str]:
        """Image files that are missing or not what they were, in one line each; reads them all."""
        problems = []
        for row in np.unique(self.column("image_index"), return_index=True)[1].tolist():
            picture = self.picture(row)
            try:
                pictures.recognised(picture.path, picture.digest)
            except ValueError as error:
                problems.append(str(error))
        return problems

    @property
    def crop_sizes(self) -> np.ndarray:
        """Width and height (N, 2) in px of the enlarged crops; ValueError if none are stored."""
        if self.identity["crops"] is None:
            raise ValueError(f"{self.folder}: stores no crops to train from")
        return self.column("crop_size")

    def place(self, row: int) -> str:
        """How error messages name a row."""
        person = self.column("instance_id")[row]
        return f"{self.annotation_file}: row {row}, person {person}"

    def crops(self, start: int, stop: int) -> FlatCrops:
        """The enlarged crops of rows start ... stop - 1."""
        crops = FlatCrops.empty(self.crop_sizes[start:stop])
        for data, image in zip(self.ragged(JPEG, start, stop), crops.images(), strict=True):
            pictures.decode_into(data, image)
        return crops


def open(folder: Path) -> SampleStore:
    """Open a sealed sample store; ValueError if it is missing, unsealed, foreign or damaged."""
    return SampleStore(folder)
