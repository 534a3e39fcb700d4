"""The fingerprint of code: it sees every edit that computes something else, and nothing but these."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bitsweep.workflow.fingerprint import UntrackableImport, fingerprint, module_digest, modules_behind, scripts
from tests.helpers.workspace import ROOT

# What computes a run's numbers.
TRAINS = "bitsweep.training.run"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Return a copy of the code, to edit."""
    for package in ("bitsweep", "scripts"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def digests(root: Path) -> dict[str, str]:
    return {script: fingerprint(script, root=root) for script in scripts(root=root)}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def move(root: Path, old: str, new: str) -> None:
    """Move a module, with what imports it, as `git mv` and a search with replacement would."""
    target = root.joinpath(*new.split(".")).with_suffix(".py")
    for folder in reversed([folder for folder in target.parents if root in folder.parents]):
        if not folder.exists():
            folder.mkdir()
            (folder / "__init__.py").write_text('"""A package."""\n')
    shutil.move(root.joinpath(*old.split(".")).with_suffix(".py"), target)
    before, _, name = old.rpartition(".")
    after, _, renamed = new.rpartition(".")
    for path in [*root.glob("bitsweep/**/*.py"), *root.glob("scripts/*.py")]:
        text = re.sub(rf"(from|import) {re.escape(old)}\b", rf"\1 {new}", path.read_text())
        text = re.sub(rf"from {re.escape(before)} import {name}\n", f"from {after} import {renamed} as {name}\n", text)
        path.write_text(text)


def test_a_module_that_is_moved_and_renamed_changes_no_digest(code):
    before = digests(code), module_digest(TRAINS, code)
    move(code, "bitsweep.seeding", "bitsweep.basics.random_streams")
    move(code, "bitsweep.training.batches", "bitsweep.training_of_runs.inner.micro_batches")
    assert not (code / "bitsweep" / "training" / "batches.py").exists()
    assert "bitsweep.basics.random_streams" in modules_behind("scripts.train_run", code)
    # Imports stand in another order now.
    sort = ["ruff", "check", "--quiet", "--fix", "--select", "I", "."]
    subprocess.run([sys.executable, "-m", *sort], cwd=code, check=True)
    assert (digests(code), module_digest(TRAINS, code)) == before


def test_one_constant_changes_what_computes_with_it_and_nothing_else(code):
    before, trains = digests(code), module_digest(TRAINS, code)
    edit(code / "bitsweep" / "training" / "budgets.py", "TRAINING_TOKENS = 4096", "TRAINING_TOKENS = 2048")
    after = digests(code)
    changed = {script for script in before if before[script] != after[script]}
    assert changed == {
        script for script in before if "bitsweep.training.budgets" in modules_behind(f"scripts.{script}")
    }
    assert {"train_run", "check_mode", "evaluate_mode", "export_mode"} <= changed
    assert not changed & {"select_runs", "compare_modes", "summarize", "write_report", "tokenize_split", "fetch_data"}
    assert module_digest(TRAINS, code) != trains


WORDINGS = {
    "an error": ("training/batches.py", "Not even one example of", "No single example of"),
    "a value in an error": (
        "training/batches.py",
        "tokens fits into memory",
        "tokens ({self.pieces} parts) fits into memory",
    ),
    "a log line": ("training/loop.py", "training loss {loss:.4f}, ", "loss {loss:.5f}, "),
    "a warning": ("training/checkpoint.py", "Warning: the checkpoint", "Note: the checkpoint"),
    "a lock's message": ("jobs/gpu_slots.py", "Waiting for another run", "Another run is waited for"),
    "a comment": ("training/loop.py", "# The parts of", "# All parts of"),
    "a docstring": ("training/loop.py", '"""One run', '"""Each run'),
    "layout": ("training/loop.py", "def rank(self, row: dict) ->", "def rank(\n        self, row: dict\n    ) ->"),
}


@pytest.mark.parametrize("wording", WORDINGS)
def test_words_and_layout_change_no_digest(code, wording):
    before = digests(code), module_digest(TRAINS, code)
    file, old, new = WORDINGS[wording]
    edit(code / "bitsweep" / file, old, new)
    assert (digests(code), module_digest(TRAINS, code)) == before


def test_how_jobs_start_and_wait_is_no_part_of_what_a_run_computes(code):
    trains, script = module_digest(TRAINS, code), fingerprint("train_run", root=code)
    edit(code / "bitsweep" / "locks.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_NB | fcntl.LOCK_EX")
    edit(code / "scripts" / "__init__.py", "signal.SIG_DFL)", "signal.SIG_IGN)")
    assert fingerprint("train_run", root=code) != script
    assert module_digest(TRAINS, code) == trains


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a script that takes a name from a package whose `__init__` takes it from a module."""
    files = {
        "scripts/__init__.py": "",
        "scripts/say.py": "from bitsweep.words import greet\n\ngreet()\n",
        "bitsweep/__init__.py": '"""A docstring computes nothing."""\n',
        "bitsweep/words/__init__.py": "from bitsweep.words.inner import greet\n",
        "bitsweep/words/inner.py": "from bitsweep.numbers import ONE\n\n\ndef greet():\n    return ONE\n",
        "bitsweep/numbers.py": "ONE = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("bitsweep/numbers.py", "ONE = 2\n"),
        ("bitsweep/words/inner.py", "def greet():\n    return 1\n"),
        ("bitsweep/words/__init__.py", "from bitsweep.words.inner import greet\n\ngreet()\n"),
        ("bitsweep/__init__.py", "import os\n\nos.nice(1)\n"),
        ("scripts/__init__.py", "import signal\n"),
    ],
)
def test_what_stands_behind_an_init_is_tracked_and_so_is_the_init(small, file, text):
    before = fingerprint("say", root=small)
    (small / file).write_text(text)
    assert fingerprint("say", root=small) != before


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("scripts/say.py", "from . import other\n", "write the relative import"),
        ("bitsweep/numbers.py", "from .words import greet\n", "numbers.py, line 1: write the relative import in full"),
        ("scripts/say.py", "\nimport bitsweep.gone\n", "line 2: the import of bitsweep.gone cannot be followed"),
        ("scripts/say.py", "from bitsweep.gone import greet\n", "there is no module bitsweep.gone"),
        ("scripts/say.py", "from bitsweep.words import nothing\n", "there is no module bitsweep.words.nothing"),
        ("scripts/say.py", "def late():\n    from bitsweep.gone import x\n", "there is no module bitsweep.gone"),
        ("scripts/say.py", "from bitsweep import words\n", "bitsweep.words is a package: import the module in it"),
        ("scripts/say.py", "import bitsweep\n", "bitsweep is a package"),
        ("bitsweep/numbers.py", "from bitsweep.words.inner import greet\n", "imports itself through other modules"),
    ],
)
def test_an_import_that_would_be_lost_is_refused(small, file, text, sentence):
    (small / file).write_text(text)
    with pytest.raises(UntrackableImport, match=re.escape(sentence)):
        fingerprint("say", root=small)


def test_without_scripts_nothing_would_be_tracked(tmp_path):
    with pytest.raises(RuntimeError, match="There are no scripts in"):
        scripts(root=tmp_path)


def other_pythons() -> list[str]:
    """Newer Pythons than BitSweep's oldest that this machine has, of pyenv or in the search path."""
    found = [shutil.which(f"python3.{minor}") for minor in range(12, 16)]
    found += map(str, (Path.home() / ".pyenv" / "versions").glob("3.1[2-9].*/bin/python"))
    return [path for path in found if path and not subprocess.run([path, "-V"], capture_output=True).returncode]


def test_the_fingerprint_of_a_script_is_the_same_in_every_python():
    """A new Python must not train a sweep anew."""
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no Python 3.12 or newer here")
    program = "from bitsweep.workflow.fingerprint import *; print(*map(fingerprint, scripts()))"
    for python in pythons:
        done = subprocess.run([python, "-c", program], cwd=ROOT, capture_output=True, text=True)
        assert done.stdout.split() == [fingerprint(name) for name in scripts()], done.stderr


def test_training_imports_neither_settings_nor_anything_of_the_report():
    """Its fingerprint follows its imports: what is not needed there must not retrain a sweep."""
    packages = {name.split(".")[1] for name in modules_behind("scripts.train_run") if name.count(".") > 1}
    assert packages == {"data", "jobs", "model", "training"}
