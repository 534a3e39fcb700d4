"""Workspaces in which real Snakemake runs real, small sweeps."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
# What a job begins with in what Snakemake displays.
STARTS = ("rule", "localrule", "checkpoint", "localcheckpoint")
PARTS = ["Snakefile", "bitsweep", "config.yaml", "configs", "envs", "models", "pretraining", "profiles", "report"]
PARTS += ["rules", "scripts"]


class Workspace:
    """A copy of the workflow in a folder of its own, or, where `made`, one that is there."""

    def __init__(self, folder: Path, made: bool = False) -> None:
        self.folder = folder
        for part in () if made else PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / part)

    def config(self, name: str, **changes) -> Path:
        """Write configs/<name>.yaml: the small experiment under that name, with some of its keys changed."""
        settings = yaml.safe_load((self.folder / "configs" / "small.yaml").read_text())
        path = self.folder / "configs" / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**settings, "experiment": name, **changes}))
        return path

    def snakemake(
        self, *arguments: str | Path, before: Sequence[str] = (), **environment: str
    ) -> subprocess.CompletedProcess:
        """Call Snakemake, behind what `before` has; its standard error is with its standard output."""
        command = [*before, sys.executable, "-m", "snakemake", *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )

    def start(self, *arguments: str | Path, log: Path, **environment: str) -> subprocess.Popen:
        """Start Snakemake in a process group of its own, with all that it says in `log`."""
        command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
        with log.open("w") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def script(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess:
        """Call one of the scripts by hand, by its module's name."""
        command = [sys.executable, "-m", name, *map(str, arguments)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300)

    def plan(self, *arguments: str | Path) -> set[str]:
        """Return what a dry run would run: each job by its rule and wildcards, as in `check_mode mode=full`."""
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout
        return planned_jobs(done.stdout)

    def jobs(self, *arguments: str | Path) -> dict[str, int]:
        """Return what a dry run would run: the number of jobs of each rule."""
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout
        return count_jobs(done.stdout)


def planned_jobs(output: str) -> set[str]:
    """Return the jobs that a dry run displays, without the target rule."""
    jobs: list[str] = []
    for line in output.splitlines():
        words = line.split(None, 1)
        if words and words[0] in STARTS and not line.startswith(" "):
            jobs.append(words[1].rstrip(":"))
        elif words[:1] == ["wildcards:"]:
            jobs[-1] += " " + words[1]
    return set(jobs) - {"all", "pretrain"}


def count_jobs(output: str) -> dict[str, int]:
    """Return the table of job counts that Snakemake prints first, without its target rule and its total."""
    counts, inside = {}, False
    for line in output.splitlines():
        words = line.split()
        if words[:2] == ["job", "count"]:
            inside = True
        elif inside and len(words) == 2 and words[1].isdigit():
            counts[words[0]] = int(words[1])
        elif inside and not line.startswith("-"):
            break
    counts.pop("total", None)
    counts.pop("all", None)
    return counts
