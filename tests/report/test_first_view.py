"""What the page shows first."""

from typing import Any

import numpy as np

from posecache.report.making import disagreement


def said(keypoints: list[list[float]], of: list[int]) -> dict[str, Any]:
    return {"keypoints": keypoints, "of": of}


def test_models_disagree_by_the_widest_of_their_distances() -> None:
    """Of four keypoints one model has the second and third alone, the crop is half as large."""
    person = {
        "matrix": [[0.5, 0, 7], [0, 0.5, 9]],
        "models": {
            "a": said([[9.0, 9], [0, 0], [4, 4], [1, 1]], [0, 1, 2, 3]),
            "b": said([[0.0, 5], [4, 4]], [-1, 0, 1, -1]),
            "c": said([[0.0, 0], [3, 4], [4, 0], [0, 0]], [0, 1, 2, 3]),
        },
    }
    np.testing.assert_allclose(disagreement(person), [0, 2.5, 2, 0])
