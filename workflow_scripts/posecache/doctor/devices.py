"""PyTorch and ONNX Runtime: what they can really compute on."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.metadata import distributions

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from posecache.config.starting import has_driver
from posecache.doctor.finding import FAIL, OK, WARN, Finding
from posecache.models.session import PROVIDERS, RUNTIME_ERRORS

RUNTIMES = {"onnxruntime", "onnxruntime-gpu"}  # two wheels that write the same files
INSTEAD = "or `compute.device: cpu`"
QUIET, USUAL = 4, 2  # ONNX Runtime's levels: fatal errors alone, and warnings too


def examine(device: str) -> Iterator[Finding]:
    """What both libraries can do, given the device that jobs ask for."""
    yield _torch(device == "cuda")
    yield from _runtimes()
    yield _onnxruntime(device)


def _torch(wanted: bool) -> Finding:
    """PyTorch, with a product of matrices on each device."""
    what = f"{torch.__version__}, CUDA {torch.version.cuda or 'none'}"
    problem = _no_cuda()
    if problem is None:
        return Finding(OK, "PyTorch", f"{what}; {'; '.join(_gpus())}")
    if wanted:
        todo = f"on a machine with a GPU, its driver and a PyTorch that was built for it; {INSTEAD}"
        return Finding(FAIL, "PyTorch", f"{what}: {problem}", todo)
    return Finding(OK, "PyTorch", f"{what}; computes on the CPU ({problem})")


def _no_cuda() -> str | None:
    """Why PyTorch cannot compute on a GPU; None if it can."""
    if not torch.cuda.is_available():
        return "it finds no CUDA device" if has_driver() else "no NVIDIA driver"
    for number in range(torch.cuda.device_count()):
        try:
            ones = torch.ones(64, 64, device=f"cuda:{number}")
            if (ones @ ones).sum().item() != 64**3:
                return f"cuda:{number} computes wrong numbers"
        except RuntimeError as error:
            return f"cuda:{number}: {str(error).splitlines()[0]}"
    return None


def _gpus() -> Iterator[str]:
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        name = torch.cuda.get_device_name(number)
        yield f"cuda:{number} {name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"


def gpu_memory(wanted: int) -> Finding | None:
    """The memory of the first GPU, against the bytes that the largest training may take."""
    if not torch.cuda.is_available():
        return None
    free, _ = torch.cuda.mem_get_info(0)
    found = f"{free / 1e9:.1f} GB free, the largest training takes about {wanted / 1e9:.1f} GB"
    if wanted <= free:
        return Finding(OK, "GPU memory", found)
    return Finding(WARN, "GPU memory", found, "a smaller batch_size, or end what else runs there")


def _runtimes() -> Iterator[Finding]:
    """Both wheels of ONNX Runtime at once: the one that came last has overwritten the other."""
    found = {(one.metadata["Name"] or "").lower() for one in distributions()} & RUNTIMES
    if len(found) > 1:
        todo = "`pip uninstall onnxruntime onnxruntime-gpu`, then install the one that you want"
        yield Finding(WARN, "ONNX Runtime", "installed twice: " + " and ".join(sorted(found)), todo)


def _onnxruntime(device: str) -> Finding:
    """ONNX Runtime, with a small convolution by each provider that posecache uses."""
    onnxruntime.set_default_logger_severity(QUIET)
    problems = {name: _runs(name) for name in PROVIDERS}
    onnxruntime.set_default_logger_severity(USUAL)
    works = [name for name, problem in problems.items() if problem is None]
    found = f"{onnxruntime.__version__}, computes on: {', '.join(works) or 'nothing'}"
    if problems[device] is None:
        return Finding(OK, "ONNX Runtime", found)
    todo = f"onnxruntime-gpu of PyTorch's CUDA ({torch.version.cuda}); {INSTEAD}"
    if device == "cpu":
        todo = "install it again"
    return Finding(FAIL, "ONNX Runtime", f"{found}; not {device}: {problems[device]}", todo)


def _runs(device: str) -> str | None:
    """Why a provider computes nothing; None if it does."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    name, _ = PROVIDERS[device][0]
    if name not in onnxruntime.get_available_providers():
        return f"this build has no {name}"
    said = io.StringIO()  # it prints what it cannot load
    try:
        with redirect_stdout(said):
            if device == "cuda":
                onnxruntime.preload_dlls()
            session = onnxruntime.InferenceSession(
                _convolution(), sess_options=options, providers=PROVIDERS[device]
            )
        (sums,) = session.run(None, {"input": np.ones((1, 3, 4, 4), np.float32)})
    except RUNTIME_ERRORS as error:
        return str(error).splitlines()[0]
    if session.get_providers()[0] != name:
        why = [line for line in said.getvalue().splitlines() if line.startswith("Failed")]
        return why[0] if why else f"it takes {session.get_providers()[0]} instead"
    return None if np.allclose(sums, 3) else "it computes wrong numbers"


def _convolution() -> bytes:
    """A network that adds up three channels."""
    weights = numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "weights")
    node = helper.make_node("Conv", ["input", "weights"], ["output"])
    shapes = {"input": [1, 3, 4, 4], "output": [1, 1, 4, 4]}
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    graph = helper.make_graph([node], "sum", ends[:1], ends[1:], [weights])
    model: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    return model.SerializeToString()
