"""Run `scripts.train_run` with its own arguments to the end of its first optimizer step, and write that time.

python -m benchmarks.first_step TIME_FILE --recipe ... (as for scripts.train_run)

TIME_FILE gets the time as `time.time` returns it. Only the optimizer is wrapped, and nothing is imported that the run
would not import, so that it starts as fast as ever.
"""

import os
import runpy
import sys
import time
from pathlib import Path

import bitsweep.model.fast.light_imports  # noqa: F401
from bitsweep.training.optimizer import AdamW


def watch(path: Path) -> None:
    """Make the first step of `AdamW` write the time at which it ended to `path`, and end the process."""
    step = AdamW.step

    def first_step(self: AdamW, learning_rate: float) -> None:
        step(self, learning_rate)
        path.write_text(repr(time.time()))
        os._exit(0)

    AdamW.step = first_step


if __name__ == "__main__":
    watch(Path(sys.argv.pop(1)))
    runpy.run_module("scripts.train_run", run_name="__main__", alter_sys=True)
