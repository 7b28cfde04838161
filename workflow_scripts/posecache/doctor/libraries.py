"""Whether the libraries that posecache rests on can be imported at all."""

from collections.abc import Iterator
from importlib import import_module

from posecache.doctor.finding import FAIL, Finding

# Each module, and the package that has it where the name is another one.
LIBRARIES = {
    "torch": "torch", "onnxruntime": "onnxruntime-gpu", "onnx": "onnx", "zarr": "zarr",
    "cv2": "opencv-python-headless", "simplejpeg": "simplejpeg", "pandas": "pandas",
    "pycocotools.cocoeval": "pycocotools", "scipy.io": "scipy", "matplotlib": "matplotlib",
    "jinja2": "jinja2",
}  # fmt: skip


def examine() -> Iterator[Finding]:
    """Libraries that are missing or whose own libraries are."""
    for module, package in LIBRARIES.items():
        try:
            import_module(module)
        except (ImportError, OSError) as error:
            todo = f"`pip install --force-reinstall {package}`"
            yield Finding(FAIL, "libraries", f"{module}: {' '.join(str(error).split())}", todo)
