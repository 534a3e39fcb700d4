"""The choice of the number format that multiplies matrices faster on this machine."""

import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from bitsweep.errors import UserError

# A (ROWS, SIZE) x (SIZE, SIZE) product is measured.
ROWS, SIZE = 2048, 512
# The product is repeated this often, since the choice holds for a whole sweep and other programs may run meanwhile.
REPEATS = 50


def product_seconds(dtypes: Sequence[torch.dtype]) -> list[list[float]]:
    """Return the seconds of each of REPEATS products on torch's threads, for each of `dtypes`, which take turns."""
    pairs = [(torch.ones(ROWS, SIZE, dtype=dtype), torch.ones(SIZE, SIZE, dtype=dtype)) for dtype in dtypes]
    seconds: list[list[float]] = [[] for _ in dtypes]
    for repeat in range(REPEATS + 1):
        for taken, (left, right) in zip(seconds, pairs, strict=True):
            start = time.perf_counter()
            torch.mm(left, right)
            # The first product is not counted: it compiles its kernel.
            if repeat:
                taken.append(time.perf_counter() - start)
    return seconds


def product_rate(seconds: list[float]) -> float:
    """Return the GFLOP/s of the fastest of the products."""
    return 2 * ROWS * SIZE * SIZE / min(seconds) / 1e9


def processor_name() -> str:
    """Return the processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def choose_precision(setting: str, device: str) -> dict:
    """Resolve `training.precision` and `training.device` (either may be `auto`) on this machine.

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
        plain, half = product_seconds([torch.float32, torch.bfloat16])
        verdict["float32_gflops"] = round(product_rate(plain), 1)
        verdict["bfloat16_gflops"] = round(product_rate(half), 1)
        # Products that follow each other are compared, since other programs come and go.
        faster = statistics.median(a / b for a, b in zip(plain, half, strict=True)) > 1.5
    verdict["precision"] = setting if setting != "auto" else ("bfloat16" if faster else "float32")
    return verdict
