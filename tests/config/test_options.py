import argparse
from typing import Any

import pytest
import yaml

from posecache.config.options import add_options, as_yaml, from_options, to_options, yaml_of
from posecache.config.schema import Samples
from posecache.datasets.settings import AnnotationFiles
from posecache.logits import Caching
from posecache.models.settings import Import
from posecache.samples import Crops
from posecache.scores.settings import Measure
from posecache.settings import Settings
from posecache.stores.settings import Cut
from posecache.training.recipe import Learning, Recipe

FILES = {"format": "coco", "annotations": "a.json", "images": "pictures", "skeleton": "coco17"}
IMPORT = {"skeleton": "coco17", "input_size": [192, 256]}
KINDS = [Recipe, Caching, AnnotationFiles, Import, Measure, Cut, Learning]
DISTIL = {"alpha": 0.3, "teachers": {"teacher-b": 0.25, "a": 1.0, "1": 0.0}}


def parser_of(kind: type[Settings]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_options(parser, kind)
    return parser


def read(options: list[str], kind: type[Settings]) -> Settings:
    """The settings that a stage script reads from its options."""
    return from_options(parser_of(kind).parse_args(options), kind)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Recipe, {}),
        (Recipe, {"variant": "s", "epochs": 3, "lr": 1e-3, "ema": 2e-4, "clip": 1.0, "seed": 7}),
        (Recipe, {"variant": {"deepen": 0.2, "widen": 0.25, "stride": 16}, "input_size": [64, 96]}),
        (Recipe, {"augmentation": {"scale_factor": [0.8, 1.2]}, "sigma": [2.0, 3.0]}),
        (Recipe, {"final_epochs": 0, "final_augmentation": {"blur_prob": 0.0}}),
        (Recipe, {"loss": "l2", "geometry": "replay", "weight_decay": 0.0, "lr": 1e-7}),
        (Caching, {}),
        (Caching, {"flip": False, "encoding": "compact", "chunk_rows": 8, "shard_rows": 16}),
        (Caching, {"views": {"rotations": [0, 90, -90], "seed": 3}}),
        (Caching, {"views": {"paddings": [1.0, 1.5], "merge": "mean"}}),
        (Caching, {"views": {"rotations": [], "augmented": 2, "augmentation": {"flip_prob": 0}}}),
        (AnnotationFiles, FILES),
        (AnnotationFiles, FILES | {"boxes": "detections.json", "images_list": "names.txt"}),
        (AnnotationFiles, FILES | {"annotations": "my people: #1.json", "images": "a b/c"}),
        (Import, IMPORT),
        (Import, IMPORT | {"color_order": "bgr", "mean": [0, 0, 0], "std": [255, 255, 255]}),
        (Import, IMPORT | {"padding": 1.0, "license": "Apache-2.0, see https://example.org"}),
        (Measure, {"metric": "oks"}),
        (Measure, {"metric": "oks", "rescore": False, "nms": None, "shared_with": "mpii16"}),
        (Cut, {}),
        (Cut, {"chunk_rows": 8, "shard_rows": 24}),
        (Learning, {}),
        (Learning, {"distil": DISTIL, "init": "weights.pt"}),
        (Learning, {"distil": DISTIL | {"mode": "authors-code"}, "init": {"weights": "null"}}),
        (Learning, {"distil": DISTIL | {"decay": "linear", "temperatures": {"1": 4.0, "a": 0.5}}}),
        (Learning, {"distil": DISTIL | {"where": "unlabelled", "confidence": "peak"}}),
        (Learning, {"init": {"weights": "1e3", "part": "whole"}, "freeze": ["head"]}),
        (Learning, {"structure": {"weight": 0.1, "pairs": "all"}}),
    ],
)
def test_settings_survive_the_command_line(kind: type[Settings], given: dict[str, Any]) -> None:
    settings = kind.model_validate(given)
    assert read(to_options(settings), kind) == settings


def test_numbers_by_hand_may_have_exponents() -> None:
    assert read(["--lr", "4e-3", "--weight-decay", "0"], Recipe) == Recipe(lr=0.004, weight_decay=0)


def test_the_order_of_teachers_survives() -> None:
    """In the mode authors-code it matters which teacher is named last."""
    learning = read(to_options(Learning.model_validate({"distil": DISTIL})), Learning)
    assert isinstance(learning, Learning)
    assert learning.distil is not None
    assert list(learning.distil.teachers) == ["teacher-b", "a", "1"]


@pytest.mark.parametrize("text", ["1e3", "007", "12345678", "null", "true", "[a]", "{a: 1}", "~"])
def test_texts_stay_texts(text: str) -> None:
    files = AnnotationFiles.model_validate(FILES | {"annotations": text, "images_list": text})
    options = to_options(files)
    assert options[options.index("--annotations") + 1] == text
    assert read(options, AnnotationFiles) == files
    licensed = Import.model_validate(IMPORT | {"license": text})
    assert read(to_options(licensed), Import) == licensed


def test_a_digest_of_digits_alone_stays_a_text() -> None:
    given = Import.model_validate(IMPORT | {"sha256": "0123456789"})
    found = read(to_options(given), Import)
    assert isinstance(found, Import)
    assert found.sha256 == "0123456789"


def test_defaults_stay_off_the_command_line() -> None:
    for kind in (Recipe, Caching, Cut, Learning):
        assert to_options(kind()) == []
    assert to_options(Recipe(epochs=7)) == ["--epochs", "7"]
    assert to_options(Measure(metric="oks", nms=None)) == ["--metric", "oks", "--nms", "null"]
    assert to_options(Cut(chunk_rows=8)) == ["--chunk-rows", "8"]


def test_of_a_larger_class_only_the_fields_of_the_smaller_one_are_told() -> None:
    entry = Samples.model_validate(FILES | {"crops": {"size": 64}})
    files = AnnotationFiles.model_validate(FILES)
    assert to_options(entry, AnnotationFiles) == to_options(files)
    assert to_options(Caching(flip=False, chunk_rows=8), Cut) == ["--chunk-rows", "8"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_is_an_option_with_its_help(
    kind: type[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # wide enough for one line per option
    text = parser_of(kind).format_help()
    for name, field in kind.model_fields.items():
        assert f"--{name.replace('_', '-')} " in text
        assert (field.description or "") in text


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Recipe, ["--epochs", "0"], "--epochs: input should be greater than 0, got 0"),
        (Recipe, ["--batch-size", "0"], "--batch-size: input should be greater than 0, got 0"),
        (Recipe, ["--network", "resnet"], "--network: unknown network 'resnet', expected one of"),
        (Recipe, ["--augmentation", "{speed: 1}"], "--augmentation.speed: unknown key"),
        (Learning, ["--distil", "{alpha: 2, teachers: {a: 1}}"], "--distil.alpha: input should be"),
        (Learning, ["--distil", "{alpha: 0.2}"], "--distil: `teachers` is missing, and"),
        (Recipe, ["--epochs", "true"], "--epochs: input should be a valid integer, got True"),
        (Recipe, ["--lr", ".inf"], "--lr: input should be a finite number, got inf"),
        (Recipe, ["--seed", "-1"], "--seed: input should be greater than or equal to 0, got -1"),
        (Caching, ["--encoding", "int4"], "--encoding: unknown encoding 'int4', expected one of"),
        (Measure, ["--metric", "pck"], "--metric: input should be 'oks' or 'pckh'"),
    ],
)
def test_errors_name_the_option(kind: type[Settings], options: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        read(options, kind)


def test_what_has_no_default_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read([], Measure)
    assert "the following arguments are required: --metric" in capsys.readouterr().err


def test_settings_as_the_yaml_of_one_option() -> None:
    parse = yaml_of(Crops)
    crops = Crops(size=64, quality=80)
    assert parse(as_yaml(crops.model_dump())) == crops
    with pytest.raises(argparse.ArgumentTypeError, match="size: input should be greater than 0"):
        parse("{size: 0}")


def test_yaml_is_one_line_in_the_order_of_the_keys() -> None:
    value = {"text": "a " * 200, "list": [1, 2.5, None, True], "b": "1", "a": "y"}
    text = as_yaml(value)
    assert "\n" not in text
    assert list(yaml.safe_load(text).items()) == list(value.items())


def test_an_error_of_several_options_names_none() -> None:
    with pytest.raises(ValueError, match=r"^shard_rows 100 is not a multiple of chunk_rows 64$"):
        read(["--shard-rows", "100"], Cut)


def test_what_is_not_yaml_is_the_parsers_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["--sigma", "[1,"], Recipe)
    assert "--sigma: value:1: not YAML" in capsys.readouterr().err
