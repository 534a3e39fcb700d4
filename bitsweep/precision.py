"""Which number format multiplies matrices faster on this machine."""

import platform
import time
from pathlib import Path

import torch

from bitsweep.errors import UserError

# The verdict holds for a whole sweep, and others may be at work while it is made: the best of many products.
REPEATS = 50


def product_rate(dtype: torch.dtype, rows: int = 2048, size: int = 512, repeats: int = 7) -> float:
    """GFLOP/s of (rows, size) x (size, size) products in `dtype` on one thread: the best of `repeats`."""
    left, right = torch.ones(rows, size, dtype=dtype), torch.ones(size, size, dtype=dtype)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - start)
    return 2 * rows * size * size / min(seconds[1:]) / 1e9


def processor_name() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def choose_precision(setting: str, device: str) -> dict:
    """Resolves `training.precision` and `training.device` (either may be `auto`) on the machine at hand.

    `auto` takes bfloat16 on a CUDA device that has it, and on a CPU that multiplies bfloat16 at least 1.5 times as
    fast as float32; parameters and optimizer state are float32 in any case.
    """
    torch.set_num_threads(1)
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("training.device is 'cuda', but torch finds no CUDA device here: set it to auto or cpu.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    verdict = {"device": device, "hardware": processor_name(), "float32_gflops": None, "bfloat16_gflops": None}
    if device == "cuda":
        verdict["hardware"] = torch.cuda.get_device_name()
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        verdict["float32_gflops"] = round(product_rate(torch.float32, repeats=REPEATS), 1)
        verdict["bfloat16_gflops"] = round(product_rate(torch.bfloat16, repeats=REPEATS), 1)
        faster = verdict["bfloat16_gflops"] > 1.5 * verdict["float32_gflops"]
    verdict["precision"] = setting if setting != "auto" else ("bfloat16" if faster else "float32")
    return verdict
