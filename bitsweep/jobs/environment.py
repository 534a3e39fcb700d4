"""The environment that jobs inherit from Snakemake, and the commit of the code that they run."""

import os
import subprocess
import sys
from pathlib import Path

from bitsweep.errors import UserError
from bitsweep.jobs.entry import RESULTS
from bitsweep.places import ROOT

# Four variables reach jobs by the environment. As params they would make results stale that they do not change.
# The limits that check_mode checks, as JSON: training waits for check_mode, and a new test limit must not train again.
LIMITS = "BITSWEEP_LIMITS"
# Whether tokenize_split lets texts pass that the encoder cannot read, as JSON: this changes no token.
ALLOW_UNREADABLE = "BITSWEEP_ALLOW_UNREADABLE"
# A digest of what a run's time depends on, the time stamps of files among it, which the run notes in its costs.json.
TIMED = "BITSWEEP_TIMED"
# The user's own HF_HUB_OFFLINE, for the jobs that may ask the Hub (`data/hub.py`).
USER_OFFLINE = "BITSWEEP_HUB_OFFLINE"


def prepare_jobs(results: str, limits: str = "", timed: str = "", unreadable: str = "false") -> None:
    """Let jobs find `python`, the library and the scripts, whether or not the virtual environment is active.

    A conda environment that is activated for a job comes before them. `results` is the folder that the jobs work on,
    `limits`, `timed` and `unreadable` are for LIMITS, TIMED and ALLOW_UNREADABLE. The Hugging Face libraries stay off
    the network, except in `data/hub.py`. Raises UserError where the folder that jobs run in has packages by the names
    of the library's.
    """
    for package in ("scripts", "bitsweep"):
        other = Path(package, "__init__.py")
        # Python looks there first.
        if other.is_file() and not other.samefile(ROOT / other):
            raise UserError(
                f"The folder {package} here is a Python package by the name of one of BitSweep's, for which jobs would "
                "take it: rename it, or call Snakemake in another folder."
            )
    # Snakemake reads the workflow again in each job, where the user's own setting is overwritten already.
    os.environ.setdefault(USER_OFFLINE, os.environ.get("HF_HUB_OFFLINE", ""))
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    os.environ[RESULTS] = results
    os.environ[LIMITS], os.environ[TIMED], os.environ[ALLOW_UNREADABLE] = limits, timed, unreadable
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # Each line of progress shall reach the log as soon as it is printed.
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def commit_of(root: str | Path) -> str | None:
    """Return the git commit of the workflow in `root`, with `-dirty` where files differ from it.

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
