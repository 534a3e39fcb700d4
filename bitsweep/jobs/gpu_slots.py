"""Slots of GPUs: a run takes one, sees only that GPU, and frees the slot when it ends, however it ends.

A slot is the lock of a file, which ends with its process. The files lie in the machine's folder for temporary files, so
that sweeps beside each other share the GPUs.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bitsweep.errors import UserError
from bitsweep.locks import take, waited_for

# The variable of the GPUs that runs share, comma-separated, as CUDA_VISIBLE_DEVICES names them. It is no param, since
# it belongs to this machine, and on another one nothing shall be made again.
GPUS = "BITSWEEP_GPUS"
# A process that is killed may hold its slot for a moment.
SECONDS_BETWEEN_TRIES = 0.2


def share_gpus(percent: int | None) -> None:
    """Let runs share this machine's GPUs: `percent` is 100 for each GPU, or None where they are not shared.

    Raises UserError where there is no GPU.
    """
    if percent is None:
        return
    if percent < 100:
        raise UserError(
            f"resources.gpu_percent is {percent}, so there is no GPU to share: use profiles/gpu on a machine "
            "where nvidia-smi lists a GPU, or leave gpu_percent out."
        )
    visible = [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
    os.environ[GPUS] = ",".join((visible or [str(gpu) for gpu in range(percent // 100)])[: percent // 100])


def slots_folder() -> Path:
    return Path(tempfile.gettempdir(), f"bitsweep-gpus-{os.getuid()}")


def take_slot(gpus: list[str], runs: int, stack: ExitStack) -> str | None:
    """Take a slot of the GPU with the most free ones, until `stack` closes; return the GPU, None where none is free."""
    folder = slots_folder()
    # Only one run chooses at a time, since to try a slot is to hold it for a moment.
    with waited_for(folder / "placing.lock", message="Waiting for another run that chooses its GPU."):
        free: dict[str, list] = {gpu: [] for gpu in gpus}
        for gpu, files in free.items():
            for slot in range(runs):
                with suppress(UserError):
                    files.append(take(folder / f"{gpu}.{slot}", message=""))
        chosen = max(free, key=lambda gpu: len(free[gpu]))
        mine = free[chosen].pop() if free[chosen] else None
        for files in free.values():
            for file in files:
                file.close()
    if mine is None:
        return None
    stack.enter_context(mine)
    return chosen


@contextmanager
def gpu_slot(percent: int) -> Iterator[None]:
    """Hold a slot of one of the GPUs that runs share, `percent` of it, and let this process see only that GPU.

    Nothing happens where no GPUs are shared (`profiles/gpu` shares them). The block must begin before CUDA is used.
    """
    gpus = [gpu for gpu in os.environ.get(GPUS, "").split(",") if gpu]
    if not gpus:
        yield
        return
    with ExitStack() as stack:
        while (gpu := take_slot(gpus, 100 // percent, stack)) is None:
            time.sleep(SECONDS_BETWEEN_TRIES)
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        print(f"On GPU {gpu}.", flush=True)
        yield
