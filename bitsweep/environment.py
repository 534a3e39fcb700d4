"""The environment that jobs inherit from Snakemake."""

import os
import sys
from pathlib import Path


def prepare_jobs(root: str, results: str, limits: str) -> None:
    """Lets jobs find `python`, the library and the scripts, whether or not the virtual environment is active.

    What conda activates for a job comes before it. `results` is the experiment's folder; `limits` (JSON) is for
    `check_mode`, which it must not make stale.
    """
    os.environ["BITSWEEP_RESULTS"] = results
    os.environ["BITSWEEP_LIMITS"] = limits
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # A line of progress reaches the log when it is printed.
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
