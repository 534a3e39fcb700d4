"""Slurm jobs that a killed Snakemake has left: found by their ids, and cancelled before they are submitted anew.

Snakemake forgets them when it is killed. Running or pending, they would train the same runs, and delete the same
outputs, as the next call's. What they have trained stays: to cancel one costs only what came after its last checkpoint.
"""

import os
import subprocess
import time
from pathlib import Path

from bitsweep.errors import UserError
from bitsweep.workflow.snakemake_internals import submitted_jobs

# A folder among an experiment's results. Each file in it is named by the id of a Slurm job that works on them.
NOTED = ".slurm"
# Slurm gives a job time to end (KillWait, 30 seconds by default) before it kills it.
PATIENCE_SECONDS = 180.0


def note_job(results: str | Path) -> None:
    """Record the Slurm job that this process is in, if it is in one."""
    if job := os.environ.get("SLURM_JOB_ID"):
        noted = Path(results) / NOTED
        noted.mkdir(parents=True, exist_ok=True)
        (noted / job).touch()


def ask(*command: str) -> list[str]:
    """Return the lines that a command of Slurm prints. Raises UserError where it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except FileNotFoundError:
        # No cluster here: what was submitted elsewhere is out of reach.
        return []
    except subprocess.CalledProcessError as error:
        raise UserError(
            f"{command[0]} failed ({error.stderr.strip()}), so jobs of an earlier call may still be at work: call "
            "again when Slurm answers."
        ) from None


def check_reachable() -> None:
    """Raise UserError where no Slurm answers: its plugin would ask again and again, and might not end."""
    try:
        subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise UserError(
            f"No Slurm answers here (sinfo: {reason}): call on the cluster's login node, or without --profile "
            "profiles/slurm."
        ) from None


def jobs_here() -> set[str]:
    """Return the ids of the user's pending and running jobs that work in this folder."""
    lines = ask("squeue", "--noheader", f"--user={os.getuid()}", "--format=%A %Z")
    return {job for line in lines for job, folder in [line.split(" ", 1)] if folder == os.getcwd()}


def cancel_left_jobs(results: Path) -> list[str]:
    """Cancel the Slurm jobs that an earlier call has left at work on `results`, and return their ids once they ended.

    Raises UserError where they do not end.
    """
    noted = results / NOTED
    known = {path.name for path in noted.glob("*")} | set(submitted_jobs(results))
    left = sorted(known & jobs_here(), key=int) if known else []
    if left:
        print(
            f"Slurm jobs of an earlier call are cancelled, and this call goes on with their work: {', '.join(left)}.",
            flush=True,
        )
        ask("scancel", *left)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left and known & jobs_here():
        if time.monotonic() > deadline:
            raise UserError(
                f"The Slurm jobs {', '.join(left)} of an earlier call do not end: cancel them by hand, and call again."
            )
        time.sleep(1)
    for path in noted.glob("*"):
        path.unlink(missing_ok=True)
    return left
