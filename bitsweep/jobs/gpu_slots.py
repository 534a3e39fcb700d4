"""Slots of GPUs: a run takes one, sees that GPU alone, and leaves it when it ends, however it ends.

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

# Comma-separated: the GPUs that runs share, as CUDA_VISIBLE_DEVICES names them. No param: it is this machine's, and on
# another one nothing is to be made again.
GPUS = "BITSWEEP_GPUS"
# A process that is killed may hold its slot for a moment.
SECONDS_BETWEEN_TRIES = 0.2


def share_gpus(percent: int | None) -> None:
    """Lets runs share this machine's GPUs, of which `percent` has 100 for each; None: they are not shared.

    Raises UserError where there is none.
    """
    if percent is None:
        return
    if percent < 100:
        raise UserError(
            f"resources.gpu_percent is {percent}, so that there is no GPU to share: use profiles/gpu on a machine "
            "where nvidia-smi lists one, or leave it out."
        )
    visible = [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
    os.environ[GPUS] = ",".join((visible or [str(gpu) for gpu in range(percent // 100)])[: percent // 100])


def slots_folder() -> Path:
    return Path(tempfile.gettempdir(), f"bitsweep-gpus-{os.getuid()}")


def take_slot(gpus: list[str], runs: int, stack: ExitStack) -> str | None:
    """Takes a slot of the GPU with the fewest taken ones, until `stack` closes; None where all are taken."""
    folder = slots_folder()
    # One at a time: who tries a slot holds it for that moment.
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
    """Holds a slot of one of the GPUs that runs share, `percent` of it, and lets this process see that GPU alone.

    Does nothing where no GPUs are shared (`profiles/gpu`). Must come before CUDA is used.
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
