"""The environment that jobs inherit from Snakemake, and the commit that they are of."""

import os
import subprocess
import sys
from pathlib import Path

from bitsweep.jobs.entry import RESULTS

# What reaches jobs by the environment, since a param would make stale what it does not change:
# the limits that check_mode checks (JSON), for training waits for it, and another test limit must not train again,
LIMITS = "BITSWEEP_LIMITS"
# what a run's time follows from, which a run notes in its costs.json, and which has the time stamps of files in it,
TIMED = "BITSWEEP_TIMED"
# and what the user says of HF_HUB_OFFLINE, for the jobs that may ask the Hub (`data/hub.py`).
USER_OFFLINE = "BITSWEEP_HUB_OFFLINE"


def prepare_jobs(root: str, results: str, limits: str = "", timed: str = "") -> None:
    """Let jobs find `python`, the library and the scripts, whether or not the virtual environment is active.

    What conda activates for a job comes before it. `results` is the folder that the jobs work on, `limits` and `timed`
    are for LIMITS and TIMED. The Hugging Face libraries stay off the network but in `data/hub.py`.
    """
    # Snakemake reads the workflow again in each job, where the user's own setting is overwritten already.
    os.environ.setdefault(USER_OFFLINE, os.environ.get("HF_HUB_OFFLINE", ""))
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    os.environ[RESULTS] = results
    os.environ[LIMITS], os.environ[TIMED] = limits, timed
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # A line of progress reaches the log when it is printed.
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))


def commit_of(root: str | Path) -> str | None:
    """The git commit of the workflow in `root`, with `-dirty` where files differ from it.

    None without git, and where the workflow is no part of a repository, as in a copy of its files.
    """
    for question in (["ls-files", "--error-unmatch", "Snakefile"], ["describe", "--always", "--dirty"]):
        try:
            # Without optional locks git only reads: another git process beside it is not disturbed.
            done = subprocess.run(["git", "--no-optional-locks", *question], cwd=root, capture_output=True, text=True)
        except OSError:
            return None
        if done.returncode:
            return None
    return done.stdout.strip()
