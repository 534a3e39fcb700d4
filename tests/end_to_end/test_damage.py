"""What a call that runs no job does with damaged results: it says what it finds, and leaves every byte where it is."""

import json
import os
import shutil
from pathlib import Path

import pytest

from bitsweep.files import write_json
from tests.end_to_end.test_contract import RUN, SELECTION, SMALL, runs
from tests.helpers.workspace import Workspace, planned_jobs

pytestmark = pytest.mark.contract

RESULT, WEIGHTS, FIGURE = f"{RUN}/result.json", f"{RUN}/weights.safetensors", "report/figures/heatmap_full.svg"
FAILED = "runs/mode~bitfit/batch_size~32/learning_rate~1e-4/seed~42/result.json"


@pytest.fixture
def damaged(finished: Workspace, tmp_path: Path) -> Workspace:
    """Return a copy of the finished workspace: a file cut short, one changed in a byte, and a run that failed."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    results = tmp_path / "copy" / "results" / "small"
    for name in (WEIGHTS, FIGURE, FAILED):
        # A file of its own: finished runs share theirs with the outputs.
        content = (results / name).read_bytes()
        (results / name).unlink()
        (results / name).write_bytes(content)
    os.truncate(results / WEIGHTS, 100)
    figure = (results / FIGURE).read_bytes()
    (results / FIGURE).write_bytes(figure[:-1] + bytes([figure[-1] ^ 1]))
    write_failed(results / FAILED)
    return Workspace(tmp_path / "copy", made=True)


def write_failed(path: Path) -> None:
    """Make a run's result one of a run that failed, with the sum that goes with it."""
    write_json(path, {**json.loads(path.read_text()), "failed": "Memory ran out."})


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Return every name below a folder, with the content of files."""
    paths = sorted(folder.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else None for path in paths}


@pytest.mark.parametrize(
    "arguments",
    [("--dry-run",), ("--lint",), ("--summary",), ("--dag",), ("--touch", "--dry-run"), ("--list-rules",)],
    ids=" ".join,
)
def test_a_call_that_runs_no_job_changes_nothing(damaged, arguments):
    before = snapshot(damaged.folder / "results")
    done = damaged.snakemake(*arguments, *SMALL)
    assert done.returncode == 0, done.stdout
    assert snapshot(damaged.folder / "results") == before


def test_a_dry_run_shows_what_the_real_call_makes_anew_and_that_call_mends_first(damaged):
    results = damaged.folder / "results" / "small"
    shown = damaged.snakemake("--dry-run", *SMALL).stdout
    for name, why in ((WEIGHTS, "has 100 bytes instead of "), (FIGURE, "is not what was written")):
        assert f"Note: results/small/{name} {why}" in shown
    assert "learning_rate~1e-4/seed~42 failed the last time: Memory ran out." in shown
    assert shown.count("A call that runs jobs sets it aside, to be made anew.") == 3
    planned = runs(["full"], [8], ["3e-4"]) | runs(["bitfit"], [32], ["1e-4"]) | SELECTION
    assert planned_jobs(shown) == planned
    done = damaged.snakemake("--cores", "2", *SMALL)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("It is set aside as .") == 3
    for name in (WEIGHTS, FIGURE, FAILED):
        path = results / name
        assert path.with_name(f".{path.name}.set-aside").is_file()
    assert json.loads((results / FAILED).read_text())["failed"] is None
    # Both runs had been trained before: they are taken as they were stored.
    assert planned_jobs(done.stdout) == planned
    assert damaged.plan(*SMALL) == set()


def test_a_damaged_file_that_nothing_needs_is_noted_and_no_job_is_planned_for_it(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    workspace = Workspace(tmp_path / "copy", made=True)
    os.truncate(workspace.folder / "results" / "small" / "tokens" / "train.safetensors", 10)
    shown = workspace.snakemake("--dry-run", *SMALL).stdout
    assert "results/small/tokens/train.safetensors has 10 bytes instead of " in shown
    assert planned_jobs(shown) == set()


def test_files_that_the_call_itself_reads_are_set_aside_too_and_one_with_two_faults_once(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    workspace = Workspace(tmp_path / "copy", made=True)
    results = workspace.folder / "results" / "small"
    os.truncate(results / "data" / "rows.json", 20)
    failed = results / FAILED
    content = failed.read_text().replace('"failed": null', '"failed": "Memory ran out."')
    failed.unlink()
    failed.write_text(content)
    shown = workspace.snakemake("--dry-run", *SMALL)
    assert shown.returncode == 0, shown.stdout
    assert shown.stdout.count("Note: ") == 2
    done = workspace.snakemake("--cores", "2", *SMALL)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("It is set aside as .") == 2
    assert (results / "data" / ".rows.json.set-aside").is_file()
    assert json.loads(failed.read_text())["failed"] is None
    assert workspace.plan(*SMALL) == set()
