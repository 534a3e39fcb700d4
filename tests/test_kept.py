"""Finished runs that are kept: taken only if whole, and never thrown away too early."""

import os

import pytest

from bitsweep.files import write_text
from bitsweep.kept import KEPT, KeptRuns

pytestmark = pytest.mark.crash


@pytest.fixture
def kept(tmp_path) -> KeptRuns:
    return KeptRuns(tmp_path, ["a.txt", "b.txt"])


def keep(kept: KeptRuns, key: str, text: str) -> None:
    part = kept.part(key)
    for name in kept.names:
        write_text(part / name, text)
    kept.keep(key)


def test_a_kept_run_is_restored_as_it_was(kept):
    keep(kept, "one", "first")
    keep(kept, "two", "second")
    assert kept.restore("one")
    assert (kept.output / "a.txt").read_text() == "first"
    assert kept.restore("two")
    assert (kept.output / "b.txt").read_text() == "second"
    assert not kept.restore("three")


@pytest.mark.parametrize("damage", ["missing", "empty", "changed"])
def test_a_kept_run_that_is_not_whole_is_not_used(kept, damage):
    keep(kept, "one", "first")
    file = kept.folder / "one" / "b.txt"
    file.unlink() if damage == "missing" else file.write_text("" if damage == "empty" else "fIrst")
    assert not kept.restore("one")


def test_a_half_written_run_is_not_used(kept):
    part = kept.part("one")
    write_text(part / "a.txt", "first")
    assert not kept.restore("one")


def test_the_newest_run_stays_whatever_the_clocks_say(kept):
    """As after a copy from a machine whose clock is ahead."""
    for number in range(KEPT):
        keep(kept, f"old{number}", "old")
        os.utime(kept.folder / f"old{number}", (4e9 + number, 4e9 + number))
    kept.part("interrupted")
    (kept.folder / "stray.txt").write_text("not a run")
    keep(kept, "new", "new")
    assert kept.restore("new")
    assert {path.name for path in kept.folder.iterdir() if path.is_dir()} == {"new", "old1", "old2"}
