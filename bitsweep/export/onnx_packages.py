"""The packages that ONNX needs, which are installed only on request."""

import importlib.util

from bitsweep.errors import UserError

ONNX = ("onnx", "onnxruntime", "onnxscript")


def need_onnx() -> None:
    """Raise UserError where a package that ONNX needs is not installed."""
    for package in ONNX:
        if importlib.util.find_spec(package) is None:
            raise UserError(
                f"ONNX needs the package {package}, which is not installed: "
                "run .venv/bin/pip install -r requirements-onnx.txt, then call again."
            )
