"""Runs that are validated: they train as others do, their scores are those of the exported model,
and of the best state nothing is lost."""

import copy
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import recipe, weights
from torch import Tensor, nn

import tiny
from posecache import files, logits, samples
from posecache.models.card import WEIGHTS_FILE
from posecache.stage import StoppedError
from posecache.training.recipe import Learning, Validating
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer, train
from posecache.training.trainer import Trainer

pytest.importorskip("pycocotools", reason="COCO's evaluation is not installed")

from posecache.scores.benchmarks import evaluate
from posecache.scores.settings import Measure
from posecache.training.validation import Validation

PCKH, OKS = {"metric": "pckh"}, {"metric": "oks", "shared_with": "mpii16"}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten persons in other pictures, without crops."""
    return tiny.sample_folder(tmp_path_factory.mktemp("people"), seed=5)


def make(
    data: TrainingSet,
    folder: Path,
    people: Path | None,
    *,
    flip: bool = True,
    kind: type[Validation] = Validation,
    refine: dict[str, Any] | None = None,
    **changes: Any,
) -> Trainer:
    """A run of one teacher that is validated, by PCKh and AP, if `people` are given."""
    benchmarks = {n: {**how, "samples": str(people)} for n, how in (("a", PCKH), ("b", OKS))}
    given = {"benchmarks": benchmarks if people else {}, "flip": flip}
    validating = Validating.model_validate(given)
    distil = {"alpha": 0.3, "teachers": {"teacher": 0.5}}
    made = make_trainer(
        [data],
        recipe(**{"validate_epochs": 2, "epochs": 5} | changes),
        Learning.model_validate({"distil": distil, "refine": refine}),
        folder,
        memory_mb=10,
        validating=validating,
    )
    if made.validation is not None:
        made.validation = kind(validating, made.teaching, folder)
    return made


def history(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "history.csv").read_text())))


def test_a_validated_run_ends_at_the_same_bits(
    data: TrainingSet, people: Path, tmp_path: Path
) -> None:
    """With dropout, which draws from PyTorch's own random numbers."""
    network = {"network": "tiny_own:DROPPING", "variant": 4}
    plain = make(data, tmp_path / "plain", None, **network, validate_epochs=None)
    watched = make(data, tmp_path / "watched", people, **network, validate_epochs=1)
    assert watched.identity == plain.identity
    assert torch.equal(weights(plain.train()), weights(watched.train()))
    untimed = ("seconds", "data_wait", "samples_per_s", "val/a", "val/b")
    rows = [
        [{k: v for k, v in row.items() if k not in untimed} for row in history(tmp_path / name)]
        for name in ("plain", "watched")
    ]
    assert rows[0] == rows[1]


def test_every_few_epochs_and_the_last_are_scored(
    data: TrainingSet, people: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    make(data, tmp_path, people).train()
    rows = history(tmp_path)
    assert [bool(row["val/a"]) for row in rows] == [False, True, False, True, True]
    assert [row["val/a"] == row["val/b"] == "" for row in rows] == [True, False, True, False, False]
    told = [r.getMessage() for r in caplog.records if "; mean " in r.getMessage()]
    assert [text.partition(":")[0] for text in told] == ["epoch 2", "epoch 4", "epoch 5"]
    assert f"a {float(rows[1]['val/a']):.1f}, b {float(rows[1]['val/b']):.1f};" in told[0]


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize(
    "network", [{}, {"refine": {}}, {"network": "tiny_own:REFINING", "variant": 4}]
)
def test_scores_are_those_of_the_exported_model(
    data: TrainingSet, people: Path, tmp_path: Path, flip: bool, network: dict[str, Any]
) -> None:
    """Of 170 keypoints one may lie elsewhere: where two bins are as high, rounding decides.

    A refined network's are those of its own keypoints.
    """
    run = make(data, tmp_path / "model", people, flip=flip, epochs=2, padding=1.5, **network)
    train("student", run)
    store, how = samples.open(people), logits.Caching(flip=flip, encoding="float32")
    logits.cache(tmp_path / "model", people, tmp_path / "logits", how)
    cached = logits.open(tmp_path / "logits", samples=store)
    assert len(cached.refined(slice(0, 1))) == bool(network)
    last = history(tmp_path / "model")[-1]
    for name, what, number in (("a", PCKH, "mean"), ("b", OKS, "AP")):
        score = evaluate(name, Measure.model_validate(what), cached, store)["metrics"][number]
        assert float(last[f"val/{name}"]) == pytest.approx(score, abs=1.2), name


class Noting(Validation):
    """Notes each network that is scored."""

    noted: tuple[dict[str, Tensor], ...] = ()

    def scores(self, network: nn.Module, stops: Sequence[str] = ()) -> dict[str, float] | None:
        self.noted += (copy.deepcopy(network.state_dict()),)
        return super().scores(network, stops)


class Preferring(Noting):
    """Likes the second network best."""

    def scores(self, network: nn.Module, stops: Sequence[str] = ()) -> dict[str, float] | None:
        found = super().scores(network, stops)
        extra = 100 if len(self.noted) == 2 else 0
        return found and {name: score + extra for name, score in found.items()}


def means(folder: Path) -> list[float]:
    """The mean score of each epoch that was validated."""
    return [(float(r["val/a"]) + float(r["val/b"])) / 2 for r in history(folder) if r["val/a"]]


def equal(state: Mapping[str, Tensor], path: Path) -> bool:
    """Whether a file holds these weights."""
    kept = torch.load(path, weights_only=True)
    return set(kept) == set(state) and all(torch.equal(kept[n], w) for n, w in state.items())


OFTEN: dict[str, Any] = {"ema": 0.5, "epochs": 4, "validate_epochs": 1}


@pytest.mark.parametrize("keep", ["last", "best"])
def test_best_and_last_are_kept(data: TrainingSet, people: Path, tmp_path: Path, keep: str) -> None:
    run = make(data, tmp_path, people, kind=Preferring, keep=keep, **OFTEN)
    train("student", run)
    assert isinstance(run.validation, Preferring)
    second, last = run.validation.noted[1], run.validation.noted[3]
    assert equal(second, tmp_path / "best.pt")
    assert equal(second if keep == "best" else last, tmp_path / WEIGHTS_FILE)
    assert not equal(last, tmp_path / "best.pt")
    (tmp_path / "best.pt").unlink()  # as if killed before it was written
    assert make(data, tmp_path, people, keep=keep, **OFTEN).start().epoch == 4
    assert equal(second, tmp_path / "best.pt")
    about = files.read_json(tmp_path / "best.json")
    assert about["epoch"] == 2
    assert about["score"] == sum(about["scores"].values()) / 2
    assert about["score"] == pytest.approx(means(tmp_path)[1], abs=1e-5)


class Stopping(Noting):
    """Is told to stop while it scores the second time."""

    def scores(self, network: nn.Module, stops: Sequence[str] = ()) -> dict[str, float] | None:
        if len(self.noted) == 1:
            assert isinstance(stops, list)
            stops.append("SIGTERM")
        return super().scores(network, stops)


def test_a_run_that_is_stopped_while_it_validates_loses_nothing(
    data: TrainingSet, people: Path, tmp_path: Path
) -> None:
    how = {**OFTEN, "keep": "best", "checkpoint_epochs": 100}
    make(data, tmp_path / "whole", people, **how).train()
    stopped = make(data, tmp_path / "stopped", people, kind=Stopping, **how)
    with pytest.raises(StoppedError, match=r"^SIGTERM after step 4 of 8$"):
        stopped.train([])
    assert len(means(tmp_path / "stopped")) == 1
    resumed = make(data, tmp_path / "stopped", people, kind=Noting, **how)
    resumed.train()
    assert isinstance(resumed.validation, Noting)
    assert len(resumed.validation.noted) == 3
    assert means(tmp_path / "stopped") == means(tmp_path / "whole")
    for name in ("best.pt", "best.json"):
        ends = [(tmp_path / run / name).read_bytes() for run in ("whole", "stopped")]
        assert ends[0] == ends[1]


def test_the_best_state_may_be_asked_for_afterwards(
    data: TrainingSet, people: Path, tmp_path: Path
) -> None:
    """No step is taken again; but with other benchmarks nobody knows what was best."""
    make(data, tmp_path, people, kind=Preferring, **OFTEN).train()
    again = make(data, tmp_path, people, **OFTEN, keep="best")
    assert again.start().epoch == 4
    assert equal(again.train().state_dict(), tmp_path / "best.pt")
    other = make(data, tmp_path, people, **OFTEN, keep="best", flip=False)
    assert other.start().epoch == 0
    assert make(data, tmp_path, people, **OFTEN, flip=False).start().epoch == 4


def test_a_run_may_start_from_the_best_state(
    data: TrainingSet, people: Path, tmp_path: Path
) -> None:
    trained = make(data, tmp_path, people)
    trained.train()
    init = {"weights": str(tmp_path / "best.pt"), "part": "whole"}
    learning = Learning.model_validate({"init": init, "freeze": ["backbone"]})
    plain = TrainingSet(samples=data.samples, logits={})
    second = make_trainer([plain], recipe(), learning, tmp_path / "second", memory_mb=10)
    run = second.start()
    assert equal(run.model.state_dict(), tmp_path / "best.pt")
    assert trained.validation is not None
    trained.validation.scores(run.model)
    modes = {name: module.training for name, module in run.model.named_modules()}
    assert modes["head"]
    assert not any(mode for name, mode in modes.items() if name.startswith("backbone"))


def test_an_earlier_runs_best_state_goes_with_its_checkpoint(
    data: TrainingSet, people: Path, tmp_path: Path
) -> None:
    make(data, tmp_path, people).train()
    assert (tmp_path / "best.pt").exists()
    make(data, tmp_path, None, seed=1).train()
    assert not (tmp_path / "best.pt").exists()
    assert not (tmp_path / "best.json").exists()
    assert "val/a" not in history(tmp_path)[0]


def test_what_cannot_be_scored_is_told_before_the_first_step(
    data: TrainingSet, tmp_path: Path
) -> None:
    others = tiny.sample_folder(tmp_path / "others", seed=6)
    (tmp_path / "others" / "data" / "3.jpg").unlink()
    with pytest.raises(ValueError, match=r"person 104: \S+3.jpg: no such file"):
        make(data, tmp_path / "run", others)
    with pytest.raises(ValueError, match=r"^training.keep: best needs a benchmark"):
        make(data, tmp_path / "run", None, keep="best")
    with pytest.raises(ValueError, match=r"^training.keep: best needs `validate_epochs`"):
        make(data, tmp_path / "run", None, keep="best", validate_epochs=None)
    assert not (tmp_path / "run").exists()
