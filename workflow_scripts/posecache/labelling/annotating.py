"""A sample set's annotations, extended by models to more keypoints, as a COCO file.

Shapes: M models, N persons, K keypoints of the extended skeleton, I images.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import posecache
from posecache import files, skeletons
from posecache.datasets.coco_file import PERSON
from posecache.datasets.coco_record import category
from posecache.labelling.opinions import Agreed, Opinions, agreed
from posecache.labelling.settings import Annotating
from posecache.samples.pictures import read_image
from posecache.samples.store import SampleStore
from posecache.threads import ahead

LABEL = "label"  # the origin of what the dataset itself labels
PREDICTED = 1  # visibility of what models say: labelled, and not claimed to be seen


@dataclass(frozen=True)
class Extended:
    """A sample set's people with the keypoints that models add; labels stay as they are."""

    samples: SampleStore
    opinions: Opinions
    settings: Annotating

    @cached_property
    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """The dataset's own keypoints (N, K, 2) image px and visibilities (N, K)."""
        mine, own = self.opinions.skeleton.indices_in(skeletons.load(self.samples.skeleton))
        shape = (self.samples.n, self.opinions.skeleton.num_keypoints)
        places, seen = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.uint8)
        if self.samples.labelled:
            places[:, mine] = np.nan_to_num(self.samples.keypoints[:, own])
            seen[:, mine] = self.samples.column("visibility")[:, own]
        return places, seen

    @cached_property
    def agreed(self) -> Agreed:
        """What the models say."""
        return agreed(self.opinions, self.samples.column("area"), self.settings)

    def added(self, sizes: np.ndarray) -> np.ndarray:
        """Which keypoints (N, K) the models add: unlabelled ones inside their picture, whose
        width and height in px are `sizes` (N, 2)."""
        places, (_, seen) = self.agreed.keypoints, self.labels
        inside = ((places >= 0) & (places <= sizes[:, None] - 1)).all(-1)
        return self.agreed.accepted & inside & (seen == 0)

    def annotations(self, sizes: np.ndarray) -> Iterator[dict[str, Any]]:
        """Everybody as COCO has them; `sizes` (N, 2) as above."""
        (places, seen), added = self.labels, self.added(sizes)
        points = np.where(added[..., None], np.round(self.agreed.keypoints, 2), decimal(places))
        visible = np.where(added, PREDICTED, seen)
        origins, scores = self._origins(added), np.where(seen > 0, 1.0, self.agreed.scores)
        columns = {
            "id": self.samples.column("instance_id").tolist(),
            "image_id": self.samples.column("image_id").tolist(),
            "keypoints": np.concatenate([points, visible[..., None]], -1).reshape(len(points), -1),
            "num_keypoints": (visible > 0).sum(1).tolist(),
            "keypoint_scores": np.where(visible > 0, np.round(scores, 4), 0.0),
            "keypoint_origins": origins,
            "bbox": decimal(self.samples.column("box")),
            "area": decimal(self.samples.column("area")).tolist(),
        }
        for row in zip(*columns.values(), strict=True):
            person = dict(zip(columns, row, strict=True))
            lists = {n: v.tolist() for n, v in person.items() if isinstance(v, np.ndarray)}
            yield {**person, **lists, "category_id": PERSON, "iscrowd": 0}

    def _origins(self, added: np.ndarray) -> np.ndarray:
        """Where each keypoint (N, K) comes from: the label, the models' names, or None."""
        models = ["+".join(np.array(self.opinions.names)[own]) for own in self.opinions.owns.T]
        origins = np.full(added.shape, None, object)
        origins[added] = np.broadcast_to(np.array(models, object), added.shape)[added]
        origins[self.labels[1] > 0] = LABEL
        return origins


def decimal(values: np.ndarray) -> np.ndarray:
    """Numbers of float32 as those of the fewest digits that are read as the same float32."""
    return values.astype("U32").astype(np.float64)


def write(path: Path, extended: Extended, threads: int = 1) -> int:
    """Write the COCO file, whole or not at all; returns how many keypoints the models add.

    Raises ValueError naming a picture that is not the one any more that the samples were made of.
    """
    images, sizes = picture_sizes(extended.samples, threads)
    head = {
        "info": {
            "by": list(extended.opinions.names),
            **extended.settings.model_dump(),
            "posecache": posecache.__version__,
        },
        "images": images,
        "categories": [category(extended.opinions.skeleton)],
    }
    with files.written_atomically(path) as file:
        opening = json.dumps(head, allow_nan=False).removesuffix("}")
        file.write(f'{opening}, "annotations": ['.encode())
        for number, person in enumerate(extended.annotations(sizes)):
            comma = "," if number else ""
            file.write(f"{comma}\n{json.dumps(person, allow_nan=False)}".encode())
        file.write(b"\n]}\n")
    return int(extended.added(sizes).sum())


def picture_sizes(samples: SampleStore, threads: int) -> tuple[list[dict[str, Any]], np.ndarray]:
    """The pictures with people in them as a COCO file lists them, and the width and height (N, 2)
    px of each person's."""
    _, rows, image = np.unique(
        samples.column("image_index"), return_index=True, return_inverse=True
    )

    def look(row: int) -> tuple[int, int]:
        picture = samples.picture(row)
        height, width = read_image(picture.path, picture.digest).shape[:2]
        return width, height

    sizes = np.array(list(ahead(look, rows.tolist(), threads=threads)), np.int64)
    names, ids = samples.manifest["image_paths"], samples.column("image_id")
    index = samples.column("image_index")
    images = [
        {"id": int(ids[row]), "file_name": names[index[row]], "width": width, "height": height}
        for row, (width, height) in zip(rows.tolist(), sizes.tolist(), strict=True)
    ]
    return images, sizes[image]
