"""Which files a sample set comes from."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from posecache import decoding
from posecache.datasets.records import DETECTIONS, GROUND_TRUTH, Format, Source
from posecache.names import Names
from posecache.settings import Settings
from posecache.skeletons import NONE, SkeletonName, files_of

FORMATS: Names[Format] = Names(
    "format",
    {
        "coco": "posecache.datasets.coco:FORMAT",
        "crowdpose": "posecache.datasets.crowdpose:FORMAT",
        "halpe": "posecache.datasets.halpe:FORMAT",
        "mpii": "posecache.datasets.mpii:FORMAT",
        "detections": "posecache.datasets.detections:FORMAT",
    },
    attributes=("read", "load"),
)


NO_LABELS = "none"


class AnnotationFiles(Settings):
    """An annotation file, its images and the skeleton that it labels.

    Without labels the skeleton is `skeletons.NONE`, whatever a configuration says.
    """

    format: Annotated[str, AfterValidator(FORMATS.checked)] = Field(
        description=f"{', '.join(FORMATS)}, or module:attribute of your own"
    )
    annotations: str = Field(description="the annotation file")
    images: str = Field(description="folder that the file's image names are relative to")
    labels: Literal["gt", "none"] = Field(
        GROUND_TRUTH, description="gt, or none: the file's keypoints are not read"
    )
    skeleton: SkeletonName = Field(
        NONE, description="of the labels: a skeleton, a union a+b, or a YAML file"
    )
    boxes: str = Field(GROUND_TRUTH, description="gt, or a detector's results (COCO's format)")
    min_box_score: float | None = Field(
        None, description="of a detector's boxes to keep; null: all"
    )
    head_boxes: str | None = Field(None, description="mpii_gt_val.mat, for the common MPII JSON")
    images_list: str | None = Field(
        None, description="text file with the names of the images to keep, one a line"
    )

    @model_validator(mode="before")
    @classmethod
    def _no_labels_no_skeleton(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("labels") != NO_LABELS:
            return given
        return {key: value for key, value in given.items() if key != "skeleton"}

    @model_validator(mode="after")
    def _fitting_labels(self) -> Self:
        if self.labelled and self.skeleton == NONE:
            raise ValueError("`skeleton` is missing, which names the keypoints of the labels")
        if self.labelled and self.format == DETECTIONS:
            raise ValueError("the format detections has no labels: it needs `labels: none`")
        if self.min_box_score is not None and not self.detected:
            raise ValueError("`min_box_score` belongs to a detector's `boxes`")
        return self

    @model_validator(mode="after")
    def _fitting_files(self) -> Self:
        if self.boxes != GROUND_TRUTH and FORMATS[self.format].load is None:
            raise ValueError("`boxes` other than gt need the format coco, crowdpose or halpe")
        if self.format != "mpii" and self.head_boxes is not None:
            raise ValueError("`head_boxes` belong to the format mpii")
        return self

    @property
    def labelled(self) -> bool:
        """Whether the people's keypoints are read."""
        return self.labels != NO_LABELS

    @property
    def detected(self) -> bool:
        """Whether a detector drew the boxes."""
        return self.boxes != GROUND_TRUTH or self.format == DETECTIONS

    @property
    def files(self) -> list[str]:
        """All files except the annotations and the images."""
        given = [None if self.boxes == GROUND_TRUTH else self.boxes, self.head_boxes]
        return [path for path in given if path is not None] + files_of(self.skeleton)

    def source(self) -> Source:
        """The files as the readers expect them, with the list of images already read."""
        return Source(
            format=self.format,
            annotations=Path(self.annotations),
            image_root=Path(self.images),
            skeleton=self.skeleton,
            wanted=None if self.images_list is None else _names(Path(self.images_list)),
            boxes=None if self.boxes == GROUND_TRUTH else Path(self.boxes),
            min_box_score=self.min_box_score,
            head_boxes=None if self.head_boxes is None else Path(self.head_boxes),
        )


def _names(path: Path) -> frozenset[str]:
    """The lines of a list of images; ValueError if it is missing, empty or not text."""
    try:
        lines = decoding.read_bytes(path).decode().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error})") from None
    names = frozenset(line.strip() for line in lines) - {""}
    if not names:
        raise ValueError(f"{path}: names no image")
    return names
