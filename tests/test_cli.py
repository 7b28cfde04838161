import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import posecache
import tiny
from posecache import logits, records

COMMAND = "from posecache.cli import main; main()"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("cli")
    model, samples = tiny.model_folder(folder / "model"), tiny.sample_folder(folder)
    logits.cache(model, samples, folder / "logits")
    return folder / "logits", model, samples


def test_help_tells_every_command_and_version_the_version() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for command in (
        "predict",
        "verify",
        "doctor",
        "plan",
        "inspect",
        "check-live",
        "pack",
        "unpack",
    ):
        assert command in shown.stdout
        assert run(command, "--help").returncode == 0
    version = run("--version")
    assert (version.returncode, version.stdout) == (0, f"posecache {posecache.__version__}\n")
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["version"] == posecache.__version__


def test_a_command_is_needed() -> None:
    refused = run()
    assert refused.returncode == 2
    assert "the following arguments are required: COMMAND" in refused.stderr


def test_verify_says_where_and_exits_with_1(made: tuple[Path, Path, Path]) -> None:
    store, _, samples = made
    whole = run("verify", store, samples)
    assert (whole.returncode, whole.stdout) == (0, "2 stores are whole\n")
    shard = store / "arrays.zarr" / "matrix" / "c" / "0" / "0" / "0" / "0"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1] + bytes([data[-1] ^ 4]))
    damaged = run("verify", samples, store / "absent", store)
    shard.write_bytes(data)
    assert damaged.returncode == 1
    absent, wrong = damaged.stderr.splitlines()
    assert absent.startswith(f"{store / 'absent'}: not sealed")
    assert wrong.startswith(f"{shard}: sha256 ")


def test_verify_reads_the_pictures_too(tmp_path: Path) -> None:
    store = tiny.sample_folder(tmp_path)
    assert run("verify", "--pictures", store).returncode == 0
    changed, gone = tmp_path / "data" / "2.jpg", tmp_path / "data" / "4.jpg"
    changed.write_bytes(changed.read_bytes() + b"x")
    gone.unlink()
    assert run("verify", store).returncode == 0
    found = run("verify", "--pictures", store)
    assert found.returncode == 1
    assert found.stderr.splitlines() == [
        f"{changed}: is not the picture any more that the samples were prepared from",
        f"{gone}: no such file",
    ]


def test_the_doctor_lists_what_another_version_has_made(tmp_path: Path) -> None:
    for name in ("own", "other"):
        with records.recorded([str(tmp_path / name / "card.json"), "key"]):
            (tmp_path / name).mkdir()
            (tmp_path / name / "card.json").write_text("{}")
    record = tmp_path / "other" / "card.made_from.json"
    changed = json.loads(record.read_text()) | {"posecache": "0.0.9", "code": "0123"}
    record.write_text(json.dumps(changed))
    experiment = {"results": str(tmp_path), "samples": {}, "students": {}, "benchmarks": {}}
    (tmp_path / "config.yaml").write_text(json.dumps(experiment))
    lines = run("doctor", tmp_path / "config.yaml", "--others").stdout.splitlines()
    assert lines == [f"{tmp_path}/other/card.json: made by posecache 0.0.9, code 0123"]
    shown = run("doctor", tmp_path / "config.yaml")
    assert shown.returncode == 0
    assert "warn  results       1 outputs of another version; this is posecache" in shown.stdout


def test_inspect_and_check_live(made: tuple[Path, Path, Path]) -> None:
    store, model, samples = made
    assert "logits, 10 rows" in run("inspect", store).stdout
    live = ("check-live", store, "--model", model, "--samples", samples)
    assert run(*live).stdout.startswith("KL(live || cached) = ")
    failed = run(*live, "--limit", "1e-12")
    assert failed.returncode == 1
    assert "limit 1e-12" in failed.stderr


def test_a_store_is_packed_and_unpacked(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    packed = run("pack", made[0], tmp_path / "file", "--encoding", "compact")
    size = (tmp_path / "file").stat().st_size
    assert packed.stdout == f"{tmp_path / 'file'}: {size} bytes\n", packed.stderr
    assert run("unpack", tmp_path / "file", tmp_path / "again").returncode == 0
    assert "encoding: compact" in run("inspect", tmp_path / "again").stdout
    refused = run("unpack", tmp_path / "file", tmp_path / "again")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == f"error: {tmp_path / 'again'}: exists already"
