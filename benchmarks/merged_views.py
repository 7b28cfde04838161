"""What several looks at a person are worth: rules of merging, two teachers over two sample sets.

Each teacher is run over its own dataset's people and over the other's. A cell is PCKh@0.5,
PCKh@0.1, and KL(truth || stored) in nats a keypoint's axis, on the keypoints that the teacher and
the people's dataset share. Prints a Markdown table. Needs the demo's teachers and validation sets
(`make table1`).
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from posecache import datasets, geometry, logits, samples, simcc, skeletons
from posecache.datasets.demo.files import write
from posecache.datasets.demo.settings import ANNOTATIONS, DemoSet
from posecache.logits import Views
from posecache.logits.merging import CONFIDENT, MEAN, Merge, Stored, merged
from posecache.logits.person import Logits, Person
from posecache.logits.settings import MERGES
from posecache.models.card import CARD_FILE, Card
from posecache.scores.benchmarks import evaluate
from posecache.scores.settings import Measure

SKELETONS = {"coco": "coco17", "mpii": "mpii16"}
RENDERED = {"coco": 300, "mpii": 450}  # pictures of a set that is rendered for this
FOUR, SIX = (0.95, 1.1, 1.25, 1.45), (0.8, 0.95, 1.1, 1.25, 1.45, 1.7)
USUAL = SIX.index(1.25)
HURDLE = 1.2  # the score of another padding over the usual one's from which on it is taken
TURNS = (15.0, -15.0)


def _scores(answer: Logits) -> np.ndarray:
    """The decoder's score (L,) of each look, mean over keypoints."""
    return np.minimum(answer[0].max(-1), answer[1].max(-1)).mean(-1, dtype=np.float64)


def _mix(person: Person, looks: np.ndarray, answer: Logits, weights: np.ndarray) -> Stored:
    return merged(person, person.carry(looks, answer), torch.from_numpy(weights))


def _softmax(person: Person) -> Generator[np.ndarray, Logits, Stored]:
    answer = yield person.looks
    return _mix(person, person.looks, answer, np.exp(40 * _scores(answer)))


def _best(person: Person) -> Generator[np.ndarray, Logits, Stored]:
    """The best padding, but the usual one if none is much better, its neighbours and two turns."""
    answer = yield person.looks
    scores = _scores(answer)
    best = int(scores.argmax()) if scores.max() > HURDLE * scores[USUAL] else USUAL
    middle = np.array(person.card.input_size) / 2
    turns = geometry.crop_matrix(
        np.stack([middle] * 2), np.stack([2 * middle] * 2), TURNS, person.card.input_size
    )
    turned = geometry.compose(turns, person.looks[best][None]).numpy()
    near = slice(max(best - 1, 0), best + 2)
    more = yield turned
    looks = np.concatenate([person.looks[near], turned])
    x, y = (np.concatenate([first[near], then]) for first, then in zip(answer, more, strict=True))
    return _mix(person, looks, (x, y), np.ones(len(looks)))


def _framed_by_itself(person: Person) -> Generator[np.ndarray, Logits, Stored]:
    """A second look at the box of the first one's keypoints; their mean."""
    x, y = first = yield person.looks
    points, _ = simcc.decode(x, y, person.card.split_ratio)
    corners = geometry.apply(geometry.invert(person.looks), points.double())[0]
    low, size = corners.amin(0), (corners.amax(0) - corners.amin(0)).clamp_min(1.0)
    box = torch.cat([low, size])[None]
    again = geometry.box_matrices(box, person.card.input_size, person.card.padding).numpy()
    second = yield again
    x, y = (np.concatenate(parts) for parts in zip(first, second, strict=True))
    return _mix(person, np.concatenate([person.looks, again]), (x, y), np.ones(2))


SOFTMAX = Merge(_softmax)
BEST = Merge(_best, further=len(TURNS))
FRAMED_BY_ITSELF = Merge(_framed_by_itself, further=1)
SET_ONE = Merge(MEAN.rule, framings=((1.0, 0.0),))
SET_FOUR = Merge(MEAN.rule, framings=CONFIDENT.framings)
SET_NINE = Merge(
    CONFIDENT.rule, framings=tuple((f, a) for f in (1 / 1.1, 1.0, 1.1) for a in (0.0, *TURNS))
)


def _own(name: str, paddings: tuple[float, ...] = ()) -> Views:
    return Views(merge=f"{Path(__file__).stem}:{name}", paddings=paddings)


RULES = {
    "upright alone": Views(),
    "mean of paddings .95, 1.1, 1.25, 1.45": Views(paddings=FOUR, merge="mean"),
    "softmax of 40 · score over six paddings": _own("SOFTMAX", SIX),
    "usual padding, or another whose score is 1.2 times higher; mean with its neighbours and turns "
    "by ±15°": _own("BEST", SIX),
    "mean with a second look framed by the first one's keypoints": _own("FRAMED_BY_ITSELF"),
    "the set's best padding alone": _own("SET_ONE"),
    "the looks of `confident`, plain mean": _own("SET_FOUR"),
    "**`confident`**": Views(merge="confident"),
    "`confident` with nine looks (3 paddings x 3 turns)": _own("SET_NINE"),
}


@dataclass(frozen=True)
class Case:
    """A teacher over a sample set."""

    teacher: Path
    people: Path

    @property
    def card(self) -> Card:
        return Card.load(self.teacher / CARD_FILE)

    def cell(self, folder: Path, views: Views) -> str:
        """PCKh@0.5, PCKh@0.1 and KL of what is stored."""
        logits.cache(self.teacher, self.people, folder, logits.Caching(views=views))
        store, people = logits.open(folder), samples.open(self.people)
        shared = Measure(metric="pckh", shared_with=self.card.skeleton)
        found = evaluate("pckh", shared, store, people)["metrics"]
        numbers = f"{found['mean']:.1f} / {found['mean@0.1']:.1f} / {_kl(store, people):.2f}"
        framing = store.manifest["identity"].get("framing")
        logging.info("%s, %s: %s, seen best at %s", *self._names, numbers, framing)
        return numbers

    @property
    def _names(self) -> tuple[str, str]:
        return self.teacher.name, self.people.name


def _kl(store: logits.LogitStore, people: samples.SampleStore) -> float:
    """Mean KL(truth || stored) of the shared keypoints; truth is the labels' distribution."""
    mine, theirs = skeletons.load(people.skeleton).indices_in(skeletons.load(store.skeleton))
    x, y, matrix = (part[:, 0] for part in store.read(slice(0, store.n)))
    points = people.column("keypoints")[:, mine]
    places = geometry.apply(matrix, torch.from_numpy(points).double()).float()
    labelled, size = ~places.isnan().any(-1), store.input_size
    truth = simcc.encode(places.nan_to_num(-1e4), labelled, size, simcc.default_sigma(size))
    axes = [
        _divergence(torch.softmax(10 * label, -1), torch.from_numpy(found[:, theirs]).float())
        for label, found in zip(truth, (x, y), strict=False)
    ]
    return float(((axes[0] + axes[1]) / 2 * truth[2]).sum() / truth[2].sum())


def _divergence(truth: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """KL (N, K) of distributions (N, K, W) and logits."""
    return (torch.xlogy(truth, truth) - truth * torch.log_softmax(10 * found, -1)).sum(-1)


def rendered(folder: Path, seed: int) -> Iterator[Path]:
    """Sample sets of new people, framed as COCO's and as MPII's."""
    for number, (name, skeleton) in enumerate(SKELETONS.items()):
        wanted = {"dataset": name, "split": "new", "images": RENDERED[name], "seed": seed + number}
        write(folder / name, DemoSet.model_validate(wanted))
        annotations = folder / name / ANNOTATIONS[name].format(split="new")
        source = datasets.Source(
            format=name, annotations=annotations, image_root=folder / name / "new",
            skeleton=skeleton,
        )  # fmt: skip
        samples.prepare(datasets.read(source), folder / f"{name}-new-{seed + number}")
        yield folder / f"{name}-new-{seed + number}"


def report(cases: list[Case], rules: dict[str, Views], folder: Path) -> None:
    heads = [f"{case.teacher.name} on {case.people.name}" for case in cases]
    print("| rule | looks | " + " | ".join(heads) + " |\n|---|---|" + "---|" * len(heads))
    for number, (name, views) in enumerate(rules.items()):
        cells = [case.cell(folder / f"{number}-{place}", views) for place, case in enumerate(cases)]
        looks = MERGES[views.merge].most_looks(views)
        print(f"| {name} | {looks} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument(
        "--seed", type=int, help="render people with this seed and the next instead of `val`"
    )
    parser.add_argument("--rules", nargs="*", default=[""], help="parts of the rules' names")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    started = time.perf_counter()
    teachers = [arguments.results / "models" / f"teacher-{name}" for name in SKELETONS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = [arguments.results / "samples" / f"{each}-val" for each in SKELETONS]
        if arguments.seed is not None:
            people = list(rendered(folder, arguments.seed))
        home = [Case(*pair) for pair in zip(teachers, people, strict=True)]
        abroad = [Case(*pair) for pair in zip(teachers, reversed(people), strict=True)]
        wanted = {
            rule: views
            for rule, views in RULES.items()
            if any(part in rule for part in arguments.rules)
        }
        report(home + abroad, wanted, folder)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
