"""Runs whose network and losses are compiled train as others do; what cannot be, runs as it is."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_run import trainer, weights

from posecache.training.compiling import Compiled
from posecache.training.stream import TrainingSet

# PyTorch's compiler uses parts of Python and of itself that are deprecated.
pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler here"),
]


def test_a_compiled_run_is_the_plain_one(
    data: TrainingSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its checkpoint serves a run that is not compiled."""
    network = {"network": "tiny_own:NETWORK", "variant": 4}
    caplog.set_level(logging.WARNING)
    made = {}
    for compiled in (False, True):
        how = {**network, "epochs": 2}
        run = trainer(data, tmp_path / str(compiled), compiled=compiled, **how)
        made[compiled] = run.train()
    assert "not compiled" not in caplog.text
    torch.testing.assert_close(weights(made[True]), weights(made[False]), rtol=1e-4, atol=1e-6)
    fresh = trainer(data, tmp_path / "fresh", **network).start().model
    assert not torch.allclose(weights(made[True]), weights(fresh), rtol=1e-4, atol=1e-6)
    resumed = trainer(data, tmp_path / "True", **network, epochs=2).start()
    assert resumed.epoch == 2
    assert resumed.average is not None
    assert torch.equal(weights(resumed.average), weights(made[True]))


def choosing(x: torch.Tensor) -> torch.Tensor:
    """Python has to look at a value."""
    return x.sin() if x.sum() > 0 else x


def without_a_compiler(x: torch.Tensor) -> torch.Tensor:
    return (x.cos() * 7 + 3).softmax(-1)


@pytest.mark.parametrize("function", [choosing, without_a_compiler])
def test_what_cannot_be_compiled_says_so_once_and_runs(
    function: Callable[[torch.Tensor], torch.Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    x = torch.rand(3, 4)
    broken = {"cpp.cxx": ("/no/such/compiler",), "fx_graph_cache": False}
    with torch._inductor.config.patch(broken):
        compiled = Compiled("the sine", function)
        for _ in range(2):
            assert torch.equal(compiled(x), function(x))
    (told,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert told.startswith("warning: the sine runs as it is, not compiled: ")
    assert "\n" not in told
