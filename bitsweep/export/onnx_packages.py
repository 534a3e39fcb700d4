"""What is installed only where it is asked for."""

import importlib.util

from bitsweep.errors import UserError

ONNX = ("onnx", "onnxruntime", "onnxscript")


def need_onnx() -> None:
    """Raises UserError where a package that ONNX takes is not installed."""
    for package in ONNX:
        if importlib.util.find_spec(package) is None:
            raise UserError(
                f"ONNX needs the package {package}, which is not installed: "
                ".venv/bin/pip install -r requirements-onnx.txt, then call again."
            )
