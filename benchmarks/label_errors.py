"""How many of the people at the top of a ranking have planted label errors.

Labels of 5 % of a sample set's people are spoiled, a third each: left and right swapped, one
keypoint moved by half the torso's length, three keypoints that are a neighbour's. The ranking of
`active_learning` is compared with that by plain loss: the divergence of the models' distributions
from the labels', as in training, averaged over keypoints and models. No model is run: logits and
samples are those of finished results (`make table1`), whose students saw the labels before they
were spoiled.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from posecache import files, geometry, logits, samples, simcc, skeletons
from posecache.labelling import ranking
from posecache.labelling.opinions import Opinions
from posecache.logits.store import LogitStore
from posecache.samples.store import SampleStore
from posecache.skeletons import Skeleton

SHARE = 0.05
TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
TAKEN = 3  # keypoints of a neighbour
HEAD = """| sample set | ranked by | swapped | moved | neighbour's | precision at 5 % | of seeds |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class People:
    """Labels (N, K, 2) image px, NaN where there is none, and each person's picture (N,)."""

    labels: np.ndarray
    image: np.ndarray
    skeleton: Skeleton

    @staticmethod
    def of(store: SampleStore) -> "People":
        labels = store.keypoints.astype(np.float64)
        return People(labels, store.column("image_index"), skeletons.load(store.skeleton))

    def labelled(self, row: int) -> np.ndarray:
        return ~np.isnan(self.labels[row]).any(-1)


# A person's labels (K, 2) spoiled; None where that cannot be done to this person.
Spoiler = Callable[[People, int, np.random.Generator], np.ndarray | None]


def swapped(people: People, row: int, _: np.random.Generator) -> np.ndarray | None:
    """Left and right in each other's place."""
    order = simcc.swap_order(people.skeleton.num_keypoints, people.skeleton.flip_pairs)
    known = people.labelled(row)
    pairs = [pair for pair in people.skeleton.flip_pairs if known[list(pair)].all()]
    return people.labels[row][order] if len(pairs) >= 2 else None


def moved(people: People, row: int, rng: np.random.Generator) -> np.ndarray | None:
    """One keypoint half a torso's length away, anywhere."""
    place = [people.skeleton.keypoints.index(name) for name in TORSO]
    spoiled = people.labels[row].copy()
    shoulders, hips = spoiled[place[:2]].mean(0), spoiled[place[2:]].mean(0)
    if np.isnan(shoulders).any() or np.isnan(hips).any():
        return None
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)]) * np.linalg.norm(shoulders - hips) / 2
    spoiled[rng.choice(np.flatnonzero(people.labelled(row)))] += way
    return spoiled


def neighbours(people: People, row: int, rng: np.random.Generator) -> np.ndarray | None:
    """Some keypoints of somebody else in the picture."""
    others = np.flatnonzero(people.image == people.image[row])
    others = others[others != row]
    if not len(others):
        return None
    other = int(rng.choice(others))
    both = np.flatnonzero(people.labelled(row) & people.labelled(other))
    if len(both) < TAKEN:
        return None
    spoiled, taken = people.labels[row].copy(), rng.choice(both, TAKEN, replace=False)
    spoiled[taken] = people.labels[other, taken]
    return spoiled


SPOILERS: tuple[Spoiler, ...] = (swapped, moved, neighbours)


def spoil(people: People, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Spoiled labels (N, K, 2), and how (N,): the number of the spoiler, -1 where not at all."""
    rng = np.random.default_rng(seed)
    labels, kind = people.labels.copy(), np.full(len(people.labels), -1)
    wanted = round(SHARE * len(labels))
    for row in rng.permutation(len(labels)):
        done = int((kind >= 0).sum())
        if done == wanted:
            break
        spoiled = SPOILERS[done % len(SPOILERS)](people, row, rng)
        if spoiled is not None:
            labels[row], kind[row] = spoiled, done % len(SPOILERS)
    return labels, kind


def plain_loss(opened: Mapping[str, LogitStore], labels: np.ndarray, own: Skeleton) -> np.ndarray:
    """The mean divergence (N,) of the models' distributions from the labels'."""
    return np.mean([_loss(store, labels, own) for store in opened.values()], axis=0)


def _loss(store: LogitStore, labels: np.ndarray, own: Skeleton) -> np.ndarray:
    known = skeletons.load(store.skeleton)
    mine, theirs = known.indices_in(own)
    x, y, matrix = (array[:, 0] for array in store.read(slice(0, store.n)))
    places = np.full((store.n, known.num_keypoints, 2), np.nan)
    places[:, mine] = geometry.apply(matrix, labels[:, theirs])
    seen = ~np.isnan(places).any(-1)
    sigma = simcc.default_sigma(store.input_size)
    target = simcc.encode(
        np.nan_to_num(places), seen.astype(float), store.input_size, sigma, store.split_ratio
    )
    total = torch.zeros(seen.shape)
    for label, found in zip(target[:2], (x, y), strict=True):
        wanted = torch.softmax(store.beta * label.float(), -1)
        said = torch.log_softmax(store.beta * torch.from_numpy(found.astype(np.float32)), -1)
        total += (wanted * (wanted.log() - said)).sum(-1)
    weight = target[2].float()
    mean: np.ndarray = ((total * weight).sum(1) / weight.sum(1).clamp_min(1)).numpy()
    return mean


def compare(
    store: SampleStore, opened: Mapping[str, LogitStore], seeds: Sequence[int]
) -> list[str]:
    """Two rows of the table: our ranking, and that by plain loss."""
    opinions, own = Opinions.of(store, opened), skeletons.load(store.skeleton)
    mine, theirs = opinions.skeleton.indices_in(own)
    people, entropy = People.of(store), ranking.entropy(opened)
    found: dict[str, list[list[float]]] = {"disagreement": [], "plain loss": []}
    for seed in seeds:
        labels, kind = spoil(people, seed)
        wide = np.full((store.n, opinions.skeleton.num_keypoints, 2), np.nan)
        wide[:, mine] = labels[:, theirs]
        ours = ranking.parts(opinions, wide, store.column("area"), entropy).order
        loss = np.argsort(-plain_loss(opened, labels, own))
        for name, order in zip(found, (ours, loss), strict=True):
            found[name].append(_found(order, kind))
    return [_row(store.folder.name, name, rows) for name, rows in found.items()]


def _found(order: np.ndarray, kind: np.ndarray) -> list[float]:
    """The share of each kind of error in the first 5 %, and how much of these are errors."""
    top = order[: (kind >= 0).sum()]
    shares = [np.isin(np.flatnonzero(kind == k), top).mean() for k in range(len(SPOILERS))]
    return [*map(float, shares), float((kind[top] >= 0).mean())]


def _row(samples: str, name: str, rows: list[list[float]]) -> str:
    *kinds, precision = np.mean(rows, axis=0)
    cells = [samples, name, *(f"{share:.2f}" for share in kinds), f"{precision:.2f}"]
    return f"| {' | '.join(cells)} | {', '.join(f'{row[-1]:.2f}' for row in rows)} |"


def write_spoiled(store: SampleStore, seed: int, path: Path) -> None:
    """The COCO file that a sample set was made of, with spoiled labels: to train a student on."""
    people = People.of(store)
    labels, kind = spoil(people, seed)
    record = files.read_json(store.annotation_file)
    rows = {person: row for row, person in enumerate(store.column("instance_id").tolist())}
    for person in record["annotations"]:
        row = rows.get(person["id"])
        if row is not None and kind[row] >= 0:
            known = ~np.isnan(labels[row]).any(-1)
            triples = np.c_[np.nan_to_num(labels[row]), 2 * known]
            person["keypoints"] = triples.ravel().tolist()
            person["num_keypoints"] = int(known.sum())
    files.write_json(path, record)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--samples", nargs="+", default=["coco-train", "mpii-train"])
    parser.add_argument("--models", nargs="+", default=["teacher-coco", "teacher-mpii"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12], help="of spoiling")
    parser.add_argument(
        "--write",
        type=Path,
        help="a COCO file of the first sample set with the first seed's labels",
    )
    given = parser.parse_args()
    if given.write is not None:
        store = samples.open(given.results / "samples" / given.samples[0])
        write_spoiled(store, given.seeds[0], given.write)
        return
    print(HEAD)
    for name in given.samples:
        store = samples.open(given.results / "samples" / name)
        opened = {
            model: logits.open(given.results / "logits" / model / name, samples=store)
            for model in given.models
        }
        print("\n".join(compare(store, opened, given.seeds)), flush=True)
    print(f"\nchance: {SHARE:.2f}")


if __name__ == "__main__":
    main()
