"""Workspaces in which real Snakemake runs real, small sweeps."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from tests.tables import SOURCE, TARGET, write_table

ROOT = Path(__file__).resolve().parent.parent
# What a job begins with in what Snakemake displays.
STARTS = ("rule", "localrule", "checkpoint", "localcheckpoint")
PARTS = ["Snakefile", "bitsweep", "config.yaml", "configs", "envs", "models", "profiles", "report", "rules", "scripts"]


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
        """Writes configs/<name>.yaml: the small experiment under that name, with some of its keys changed."""
        settings = yaml.safe_load((self.folder / "configs" / "small.yaml").read_text())
        path = self.folder / "configs" / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**settings, "experiment": name, **changes}))
        return path

    def snakemake(
        self, *arguments: str | Path, before: Sequence[str] = (), **environment: str
    ) -> subprocess.CompletedProcess:
        """Calls Snakemake, behind what `before` has; its standard error is with its standard output."""
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
        """Starts Snakemake in a process group of its own, with all that it says in `log`."""
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
        """Calls one of the scripts by hand."""
        command = [sys.executable, "-m", f"scripts.{name}", *map(str, arguments)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300)

    def plan(self, *arguments: str | Path) -> set[str]:
        """What a dry run would run: each job by its rule and wildcards, as in `check_mode mode=full`."""
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout
        return planned_jobs(done.stdout)

    def jobs(self, *arguments: str | Path) -> dict[str, int]:
        """What a dry run would run: the number of jobs of each rule."""
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout
        return count_jobs(done.stdout)


def planned_jobs(output: str) -> set[str]:
    """The jobs that a dry run displays, without the target rule."""
    jobs: list[str] = []
    for line in output.splitlines():
        words = line.split(None, 1)
        if words and words[0] in STARTS and not line.startswith(" "):
            jobs.append(words[1].rstrip(":"))
        elif words[:1] == ["wildcards:"]:
            jobs[-1] += " " + words[1]
    return set(jobs) - {"all"}


def count_jobs(output: str) -> dict[str, int]:
    """The table of job counts that Snakemake prints first, without its target rule and its total."""
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts first what mostly waits, so that in another process of pytest-xdist other tests run meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("slurm") is None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which the small experiment has run. Tests read it and leave it as it is."""
    with shared_folder(tmp_path_factory, "finished") as (folder, made):
        if made:
            return Workspace(folder, made=True)
        workspace = Workspace(folder)
        done = workspace.snakemake("--cores", "2", "--configfile", "configs/small.yaml")
        assert done.returncode == 0, done.stdout
    return workspace


@contextmanager
def shared_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """One folder for all processes of pytest-xdist, and whether one of them has made it; the others wait for it."""
    shared = tmp_path_factory.getbasetemp()
    # pytest removes what is beside the processes' folders.
    folder = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / name
    with FileLock(f"{folder}.lock"):
        made = (folder / "done").exists()
        if not made:
            # Where another process has failed, this one shows the cause as well.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        yield folder, made
        (folder / "done").touch()


@pytest.fixture(scope="session")
def exported_by() -> tuple[str, ...]:
    """How the classifiers of `exported` were exported, and the table's rows predicted."""
    asked = ("--config", f"input={SOURCE}", f"output={TARGET}")
    return ("--cores", "2", "--configfile", "configs/small.yaml", *asked)


@pytest.fixture(scope="session")
def exported(finished: Workspace, exported_by: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the finished workspace, its classifiers exported and a table predicted. Tests leave it as it is."""
    with shared_folder(tmp_path_factory, "exported") as (folder, made):
        if made:
            return Workspace(folder, made=True)
        shutil.copytree(finished.folder, folder, symlinks=True, dirs_exist_ok=True)
        (folder / "done").unlink()
        workspace = Workspace(folder, made=True)
        write_table(folder / SOURCE)
        done = workspace.snakemake("export", "predict", *exported_by)
        (folder / "said.txt").write_text(done.stdout)
        assert done.returncode == 0, done.stdout
    return workspace


@pytest.fixture(scope="session")
def results(finished: Workspace) -> Path:
    return finished.folder / "results" / "small"


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded encoder, prepared as runs read it."""
    from bitsweep.encoder import prepare_encoder

    folder = tmp_path_factory.mktemp("encoder")
    prepare_encoder(ROOT / "models" / "bert-tiny", "models/bert-tiny", folder)
    return folder
