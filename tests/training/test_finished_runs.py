"""Stored runs: taken only if whole, and never thrown away too early."""

import os

import pytest

from bitsweep.files import write_text
from bitsweep.training.finished_runs import STORED, FinishedRuns

pytestmark = pytest.mark.crash


@pytest.fixture
def finished(tmp_path) -> FinishedRuns:
    return FinishedRuns(tmp_path, ["a.txt", "b.txt"])


def store(finished: FinishedRuns, key: str, text: str) -> None:
    draft = finished.draft(key)
    for name in finished.names:
        write_text(draft / name, text)
    finished.store(key)


def test_a_finished_run_is_restored_as_it_was(finished):
    store(finished, "one", "first")
    store(finished, "two", "second")
    assert finished.restore("one")
    assert (finished.output / "a.txt").read_text() == "first"
    assert finished.restore("two")
    assert (finished.output / "b.txt").read_text() == "second"
    assert not finished.restore("three")


@pytest.mark.parametrize("damage", ["missing", "empty", "changed"])
def test_a_finished_run_that_is_not_whole_is_not_used(finished, damage):
    store(finished, "one", "first")
    file = finished.folder / "one" / "b.txt"
    file.unlink() if damage == "missing" else file.write_text("" if damage == "empty" else "fIrst")
    assert not finished.restore("one")


def test_a_half_written_run_is_not_used(finished):
    draft = finished.draft("one")
    write_text(draft / "a.txt", "first")
    assert not finished.restore("one")


def test_the_newest_run_stays_whatever_the_clocks_say(finished):
    """As after a copy from a machine whose clock is ahead."""
    for number in range(STORED):
        store(finished, f"old{number}", "old")
        os.utime(finished.folder / f"old{number}", (4e9 + number, 4e9 + number))
    finished.draft("interrupted")
    (finished.folder / "stray.txt").write_text("not a run")
    store(finished, "new", "new")
    assert finished.restore("new")
    assert {path.name for path in finished.folder.iterdir() if path.is_dir()} == {"new", "old1", "old2"}
