"""Wrong skeleton files: each is refused in one line that names the file and the key."""

from pathlib import Path

import pytest

from posecache import skeletons

RIGHT = {
    "keypoints": "[nose, left_eye, right_eye]",
    "sigmas": "[0.1, 0.1, 0.1]",
    "links": "[[nose, left_eye], [nose, right_eye]]",
    "lower": "[nose]",
}


def write(path: Path, **changes: str | None) -> Path:
    """A skeleton file; a key that is changed to None is left out."""
    lines = (RIGHT | changes).items()
    path.write_text("\n".join(f"{key}: {value}" for key, value in lines if value is not None))
    return path


@pytest.mark.parametrize("name", ["s.yaml", "s.yml"])
def test_a_right_file_is_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    found = skeletons.load(f"{path}+mpii16")
    assert found.keypoints[:4] == ("nose", "left_eye", "right_eye", "right_ankle")
    assert found.flip_pairs[0] == (1, 2)
    assert skeletons.files_of(f"{path}+mpii16") == [str(path)]
    assert skeletons.load(str(write(tmp_path / "whole.yaml", lower=None))).lower == ()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"keypoints": None}, "object missing required field `keypoints`"),
        ({"sigmas": None}, "object missing required field `sigmas`"),
        ({"links": None}, "object missing required field `links`"),
        ({"sigma": "[]"}, "object contains unknown field `sigma`"),
        ({"keypoints": "null"}, "keypoints: expected `array`, got `null`"),
        ({"keypoints": "nose"}, "keypoints: expected `array`, got `str`"),
        ({"keypoints": "[]"}, "keypoints: expected `array` of length >= 1"),
        ({"keypoints": "[1, 2, 3]"}, r"keypoints\[0\]: expected `str`, got `int`"),
        ({"keypoints": "[nose, yes, no]"}, r"keypoints\[1\]: expected `str`, got `bool`"),
        ({"keypoints": "[nose, null, x]"}, r"keypoints\[1\]: expected `str`, got `null`"),
        ({"keypoints": "[nose, '', x]"}, r"keypoints\[1\]: expected `str` of length >= 1"),
        ({"keypoints": "[nose, [x], y]"}, r"keypoints\[1\]: expected `str`, got `array`"),
        ({"keypoints": "[nose, nose, x]"}, "keypoints: 'nose' is named twice"),
        ({"keypoints": "[nose, left_eye, x]"}, "keypoints: 'left_eye' without 'right_eye', its"),
        ({"keypoints": "[nose, x, right_eye]"}, "keypoints: 'right_eye' without 'left_eye'"),
        ({"sigmas": "null"}, "sigmas: expected `array`, got `null`"),
        ({"sigmas": "0.1"}, "sigmas: expected `array`, got `float`"),
        ({"sigmas": "[0.1, 0.1]"}, "sigmas: 2 for 3 keypoints"),
        ({"sigmas": "[0.1, 0, 0.1]"}, r"sigmas\[1\]: expected `float` > 0"),
        ({"sigmas": "[0.1, -0.1, 0.1]"}, r"sigmas\[1\]: expected `float` > 0"),
        ({"sigmas": "[0.1, .nan, 0.1]"}, r"sigmas\[1\]: expected `float` > 0"),
        ({"sigmas": "[0.1, .inf, 0.1]"}, r"sigmas\[1\]: expected `float` <= 1"),
        ({"sigmas": "[0.1, text, 0.1]"}, r"sigmas\[1\]: expected `float`, got `str`"),
        ({"sigmas": "[0.1, '0.1', 0.1]"}, r"sigmas\[1\]: expected `float`, got `str`"),
        ({"links": "null"}, "links: expected `array`, got `null`"),
        ({"links": "[nose]"}, r"links\[0\]: expected `array`, got `str`"),
        ({"links": "[[nose]]"}, r"links\[0\]: expected `array` of length 2"),
        ({"links": "[[0, 1]]"}, r"links\[0\]\[0\]: expected `str`, got `int`"),
        ({"links": "[[nose, tail]]"}, "links: 'tail' is no keypoint"),
        ({"lower": "null"}, "lower: expected `array`, got `null`"),
        ({"lower": "[tail]"}, "lower: 'tail' is no keypoint"),
        ({"derived": "[tail]"}, "derived: expected `object`, got `array`"),
        ({"derived": "{eyes: []}"}, r"derived\[...\]: expected `array` of length >= 1"),
        ({"derived": "{eyes: [tail]}"}, "derived.eyes: 'tail' is no keypoint"),
        ({"derived": "{nose: [left_eye]}"}, "derived: 'nose' is a keypoint of its own"),
        ({"links": "[["}, "not YAML"),
        ({"links": "2024-13-45"}, "not YAML"),  # a date, says YAML
        ({"links": "[" * 900}, "not YAML|nested too deeply"),
        ({"[1, 2]": "3"}, "not YAML|expected `str`"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, changes: dict[str, str | None], line: str) -> None:
    path = write(tmp_path / "wrong.yaml", **changes)
    with pytest.raises(ValueError, match=rf"wrong\.yaml: ({line})") as caught:
        skeletons.load(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "expected `object`, got `null`"),
        (b"nose", "expected `object`, got `str`"),
        (b"[keypoints]", "expected `object`, got `array`"),
        (b"\xff\xfe\x00", "not YAML"),
        (None, "no such file"),
    ],
)
def test_what_is_no_skeleton_is_named(tmp_path: Path, content: bytes | None, line: str) -> None:
    path = tmp_path / "wrong.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"wrong\.yml: {line}"):
        skeletons.load(f"coco17+{path}")
