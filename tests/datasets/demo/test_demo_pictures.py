import cv2
import numpy as np

from posecache.datasets.demo.figure import NAMES
from posecache.datasets.demo.pictures import pictures


def test_another_seed_gives_other_people() -> None:
    one, other = (next(pictures("coco", 1, seed)).jpeg for seed in (1, 2))
    assert one != other


def test_limbs_have_their_sides_colours_where_the_keypoints_are() -> None:
    """Halfway down an upper arm with visible ends, a left arm is bluer, a right arm redder."""
    right = []
    for picture in pictures("mpii", 40, 5):
        image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)
        for label in picture.labels:
            for side, sign in (("left", 1), ("right", -1)):
                arm = [NAMES.index(f"{side}_{joint}") for joint in ("shoulder", "elbow")]
                if (label.visibility[arm] == 2).all():
                    x, y = label.keypoints[arm].mean(0).round().astype(int)
                    blue, _, red = image[y, x]
                    right.append(sign * (blue - red) > 0)
    assert len(right) > 40
    assert np.mean(right) > 0.9  # the torso or another limb may lie over the rest


def test_coco_has_more_people_more_often_cut_and_of_more_sizes() -> None:
    share, count, heights = {}, {}, {}
    for dataset in ("coco", "mpii"):
        found = [p.labels for p in pictures(dataset, 80, 11)]
        labels = [label for people in found for label in people if label.area]
        share[dataset] = np.mean([(label.visibility[:17] > 0).mean() for label in labels])
        count[dataset] = np.mean([len(people) for people in found])
        heights[dataset] = np.std([np.log(label.height) for label in labels])
    assert share["coco"] + 0.01 < share["mpii"]
    assert count["coco"] > 1.9 > 1.7 > count["mpii"]
    assert heights["coco"] > 1.3 * heights["mpii"]
