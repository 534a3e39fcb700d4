"""Fixtures: workspaces in which the small experiment has run, made once for all processes of pytest-xdist."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from bitsweep.config.load import load_settings
from bitsweep.config.settings import Settings
from tests.helpers.hub_repositories import many, repositories  # noqa: F401 (fixtures)
from tests.helpers.tables import SOURCE, TARGET, write_table
from tests.helpers.workspace import ROOT, Workspace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what lasts longest, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: [bool(item.get_closest_marker(name)) for name in ("slurm", "crash")], reverse=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace in which the small experiment has run. Tests read it and leave it as it is."""
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
    """Return a copy of the finished workspace with exports and a predicted table. Tests leave it as it is."""
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


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of the small experiment."""
    monkeypatch.chdir(ROOT)
    return load_settings(yaml.safe_load((ROOT / "configs" / "small.yaml").read_text()))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the embedded encoder, prepared as runs read it."""
    from bitsweep.model.encoder import prepare_encoder

    folder = tmp_path_factory.mktemp("encoder")
    prepare_encoder(ROOT / "models" / "bert-tiny", "models/bert-tiny", folder)
    return folder
