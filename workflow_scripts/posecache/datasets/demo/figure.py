"""An articulated person: a pose drawn from joint-angle distributions, and its rendering.

Lengths are in units of the person's standing height; angles in degrees, 0 pointing down the body,
growing towards the person's left as seen from the front. A pose has the 26 keypoints of
`halpe26` and the thorax.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from posecache import skeletons

Style = Literal["everyday", "athletic"]
Points = dict[str, np.ndarray]  # name -> (2,) image px

NAMES = (*skeletons.load("halpe26").keypoints, "thorax")
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
HEAD_WIDTH = 0.055  # half of the head's width
SHIFT = 4  # fractional bits of coordinates: OpenCV draws at 1/16 px


@dataclass(frozen=True, kw_only=True)
class Person:
    """A posed person in a picture."""

    points: Points
    height: float  # px, standing
    yaw: float  # degrees; 0 faces the viewer, 90 faces the picture's right
    colors: dict[str, tuple[int, int, int]]  # part -> RGB
    arms_behind: bool

    @property
    def labelled(self) -> dict[str, bool]:
        """Which keypoints an annotator would place: nobody guesses a face seen from behind."""
        facing, side = np.cos(np.deg2rad(self.yaw)), np.sin(np.deg2rad(self.yaw))
        seen = dict.fromkeys(NAMES, True)
        seen |= dict.fromkeys(("nose", "left_eye", "right_eye"), facing > -0.1)
        if facing > -0.1:
            seen["left_eye"], seen["right_eye"] = side < 0.9, side > -0.9
        seen["left_ear"], seen["right_ear"] = side < 0.7, side > -0.7
        return seen


def draw_person(
    rng: np.random.Generator, style: Style, center: tuple[float, float], height: float
) -> Person:
    """A random person whose pelvis lies at `center` (x, y) in px."""
    yaw = float(rng.choice([0, 0, 0, 35, -35, 70, -70, 180]) + rng.normal(0, 12))
    tilt = _tilt(rng, style)
    points = _pose(rng, style, yaw)
    turn = np.deg2rad(tilt)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    placed = {k: rotation @ (p * height) + np.array(center) for k, p in points.items()}
    return Person(
        points=placed,
        height=height,
        yaw=yaw,
        colors=_clothes(rng),
        arms_behind=bool(rng.random() < 0.3),
    )


def _tilt(rng: np.random.Generator, style: Style) -> float:
    if style == "everyday":
        return float(rng.normal(0, 7))
    return float(rng.uniform(-75, 75) if rng.random() < 0.2 else rng.normal(0, 16))


def _direction(angle: float) -> np.ndarray:
    """Unit vector at `angle` degrees from straight down, towards the picture's right."""
    return np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])


def _pose(rng: np.random.Generator, style: Style, yaw: float) -> Points:
    """Keypoints around the pelvis at (0, 0), standing height 1."""
    facing, side = np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw))
    points: Points = {"pelvis": np.zeros(2)}
    lean = rng.normal(0, 5 if style == "everyday" else 14)
    up = -_direction(-lean)
    across = np.array([-up[1], up[0]]) * facing
    points["thorax"] = 0.27 * up
    points["upper_neck"] = points["thorax"] + 0.05 * up
    nod = rng.normal(0, 10)
    head_up = -_direction(-lean + nod)
    points["head_top"] = points["upper_neck"] + 0.15 * head_up
    _face(points, head_up, facing, side)
    legs = _leg_angles(rng, style)
    arms = _arm_angles(rng, style)
    for name, sign in (("left", 1.0), ("right", -1.0)):
        points[f"{name}_shoulder"] = points["thorax"] + sign * 0.105 * across + 0.005 * up
        points[f"{name}_hip"] = sign * 0.065 * across - 0.01 * up
        outward = sign * (facing if abs(facing) > 0.35 else np.copysign(0.6, side))
        _chain(points, name, ("shoulder", "elbow", "wrist"), (0.165, 0.15), arms, rng, outward)
        _chain(points, name, ("hip", "knee", "ankle"), (0.235, 0.235), legs, rng, outward)
        ankle = points[f"{name}_ankle"]
        toward = np.array([0.05 * side + sign * 0.02 * facing, 0.03])
        points[f"{name}_big_toe"] = ankle + toward - sign * 0.008 * across
        points[f"{name}_small_toe"] = ankle + toward + sign * 0.012 * across
        points[f"{name}_heel"] = ankle + np.array([-0.015 * side, 0.025])
    return points


def _face(points: Points, head_up: np.ndarray, facing: float, side: float) -> None:
    """Nose, eyes and ears on a head turned by the yaw."""
    middle = (points["upper_neck"] + points["head_top"]) / 2
    right = np.array([-head_up[1], head_up[0]])
    points["nose"] = middle + 0.05 * side * right - 0.012 * head_up
    for name, sign in (("left", 1.0), ("right", -1.0)):
        points[f"{name}_eye"] = (
            middle + (sign * 0.024 * facing + 0.042 * side) * right + 0.018 * head_up
        )
        points[f"{name}_ear"] = middle + (sign * 0.055 * facing - 0.012 * side) * right


def _arm_angles(rng: np.random.Generator, style: Style) -> tuple[float, float, float, float]:
    """Mean and spread of the shoulder's angle outward, and of the elbow's bend."""
    if style == "everyday":
        return (18, 16, 35, 35)
    return (85, 45, 25, 40)


def _leg_angles(rng: np.random.Generator, style: Style) -> tuple[float, float, float, float]:
    if style == "everyday":
        return (48, 10, -50, 12) if rng.random() < 0.25 else (5, 6, -3, 6)
    return (26, 22, -26, 26)


def _chain(
    points: Points,
    side: str,
    joints: tuple[str, str, str],
    lengths: tuple[float, float],
    angles: tuple[float, float, float, float],
    rng: np.random.Generator,
    outward: float,
) -> None:
    """Two limbs from a joint, each foreshortened a little at random."""
    first = rng.normal(angles[0], angles[1])
    second = first + rng.normal(angles[2], angles[3])
    start = points[f"{side}_{joints[0]}"]
    for joint, length, angle in zip(joints[1:], lengths, (first, second), strict=True):
        start = start + length * rng.uniform(0.82, 1.0) * _direction(outward * angle)
        points[f"{side}_{joint}"] = start


def _clothes(rng: np.random.Generator) -> dict[str, tuple[int, int, int]]:
    """Colours for each part: much the same for everybody, so that sides can be told apart."""
    hues = {
        "torso": (28, 120, 190), "head": (14, 90, 225), "hair": (12, 120, 70),
        "left_arm": (108, 170, 225), "left_forearm": (108, 190, 150),
        "right_arm": (3, 190, 225), "right_forearm": (3, 200, 150),
        "left_thigh": (78, 170, 190), "left_shank": (78, 180, 120),
        "right_thigh": (152, 150, 200), "right_shank": (152, 170, 130),
    }  # fmt: skip
    brightness = rng.uniform(0.8, 1.1)
    colors = {}
    for part, (hue, saturation, value) in hues.items():
        hsv = [
            (hue + rng.normal(0, 4)) % 180,
            np.clip(saturation + rng.normal(0, 15), 0, 255),
            np.clip(value * brightness + rng.normal(0, 8), 0, 255),
        ]
        rgb = cv2.cvtColor(np.array([[hsv]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
        colors[part] = (int(rgb[0]), int(rgb[1]), int(rgb[2]))
    return colors


def render(person: Person, image: np.ndarray, owner: np.ndarray, index: int) -> None:
    """Draw a person into `image` (H, W, 3) RGB and its index into `owner` (H, W) uint8."""
    near, far = ("left", "right") if np.sin(np.deg2rad(person.yaw)) < 0 else ("right", "left")
    brush = _Brush(image, owner, index, person)
    _leg(brush, far)
    _leg(brush, near)
    _arm(brush, far)
    if person.arms_behind:
        _arm(brush, near)
    _torso(brush)
    _head(brush)
    if not person.arms_behind:
        _arm(brush, near)


class _Brush:
    """Draws shapes at subpixel positions, and records which pixels belong to the person."""

    def __init__(self, image: np.ndarray, owner: np.ndarray, index: int, person: Person) -> None:
        self.image, self.owner, self.index = image, owner, index
        self.points, self.height, self.colors = person.points, person.height, person.colors
        self.person = person

    def limb(self, start: str, end: str, part: str, radius: float) -> None:
        a, b = self.points[start], self.points[end]
        thickness = max(round(2 * radius * self.height), 2)
        start_px, end_px = (np.round(p * 2**SHIFT).astype(int).tolist() for p in (a, b))
        color = self.colors[part]
        cv2.line(self.image, start_px, end_px, color, thickness, cv2.LINE_AA, SHIFT)
        cv2.line(self.owner, start_px, end_px, self.index, thickness, cv2.LINE_8, SHIFT)

    def polygon(self, corners: list[np.ndarray], part: str) -> None:
        shape = np.round(np.array(corners) * 2**SHIFT).astype(np.int32)
        cv2.fillPoly(self.image, [shape], self.colors[part], cv2.LINE_AA, SHIFT)
        cv2.fillPoly(self.owner, [shape], self.index, cv2.LINE_8, SHIFT)

    def disc(self, place: np.ndarray, radius: float, color: tuple[int, int, int]) -> None:
        center = np.round(place * 2**SHIFT).astype(int).tolist()
        size = max(int(radius * self.height * 2**SHIFT), 2**SHIFT // 2)
        cv2.circle(self.image, center, size, color, -1, cv2.LINE_AA, SHIFT)


def _arm(brush: _Brush, side: str) -> None:
    brush.limb(f"{side}_shoulder", f"{side}_elbow", f"{side}_arm", 0.03)
    brush.limb(f"{side}_elbow", f"{side}_wrist", f"{side}_forearm", 0.024)
    brush.disc(brush.points[f"{side}_wrist"], 0.024, brush.colors["head"])


def _leg(brush: _Brush, side: str) -> None:
    brush.limb(f"{side}_hip", f"{side}_knee", f"{side}_thigh", 0.042)
    brush.limb(f"{side}_knee", f"{side}_ankle", f"{side}_shank", 0.032)
    for toe in ("big_toe", "small_toe"):
        brush.limb(f"{side}_heel", f"{side}_{toe}", "hair", 0.014)


def _torso(brush: _Brush) -> None:
    """A waisted outline, wider than the shoulder line where the person stands sideways."""
    p, thick = brush.points, 0.055 * brush.height
    along = p["pelvis"] - p["thorax"]
    across = np.array([along[1], -along[0]]) / np.linalg.norm(along)
    corners = []
    for name, sign in (("left", 1.0), ("right", -1.0)):
        reach = float((p[f"{name}_shoulder"] - p["thorax"]) @ across)
        wide = np.copysign(max(abs(reach), thick), reach if abs(reach) > 1 else sign)
        top, bottom = p["thorax"] + wide * across, p["pelvis"] + 0.8 * wide * across
        corners += [top, bottom] if name == "left" else [bottom, top]
    brush.polygon(corners, "torso")
    brush.limb("thorax", "upper_neck", "head", 0.025)
    stripe = p["thorax"] + 0.55 * along
    brush.disc(stripe, 0.02, brush.colors["hair"])


def _head(brush: _Brush) -> None:
    """An ellipse with hair, and the face's marks where the person faces us."""
    p = brush.points
    middle, axis = (p["upper_neck"] + p["head_top"]) / 2, p["head_top"] - p["upper_neck"]
    angle = float(np.rad2deg(np.arctan2(axis[0], -axis[1])))
    size = (HEAD_WIDTH * brush.height, 0.5 * float(np.linalg.norm(axis)))
    seen = brush.person.labelled
    facing = seen["nose"]
    for target, color, line in (
        (brush.image, brush.colors["head" if facing else "hair"], cv2.LINE_AA),
        (brush.owner, brush.index, cv2.LINE_8),
    ):
        box = (tuple(middle.tolist()), (2 * size[0], 2 * size[1]), angle)
        cv2.ellipse(target, box, color, -1, line)
    hair = middle + 0.36 * axis
    cv2.ellipse(
        brush.image,
        (tuple(hair.tolist()), (1.7 * size[0], 0.6 * size[1]), angle),
        brush.colors["hair"],
        -1,
        cv2.LINE_AA,
    )
    for name in FACE:
        if seen[name]:
            dark = (40, 30, 30) if "eye" in name else (235, 120, 120)
            brush.disc(p[name], 0.014 if "ear" in name else 0.011, dark)
