"""MPII: the official release's .mat file, or the common JSON made from it, by the file's suffix."""

from dataclasses import replace

from posecache import skeletons
from posecache.datasets import mpii_json, mpii_release
from posecache.datasets.records import Annotations, Format, Source

SKELETON = "mpii16"


def read(source: Source) -> Annotations:
    """People with labels, position and scale; ValueError for another skeleton than MPII's.

    Where labels are not read, they are the same people without them.
    """
    if not source.labelled:
        found = read(replace(source, skeleton=SKELETON))
        points, seen = found.keypoints[:, :0], found.visibility[:, :0]
        return replace(found, source=source, keypoints=points, visibility=seen)
    if skeletons.load(source.skeleton).keypoints != skeletons.load(SKELETON).keypoints:
        raise ValueError(
            f"{source.annotations}: the format mpii has the keypoints of {SKELETON}, not those of "
            f"{source.skeleton}"
        )
    reader = mpii_json if source.annotations.suffix == ".json" else mpii_release
    return reader.read(source)


FORMAT = Format(read)
