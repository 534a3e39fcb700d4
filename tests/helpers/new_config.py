"""Calls of `make new` for small tables."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tests.helpers.workspace import ROOT

COLUMNS = ("Ünique id", "What they: said?", "Urteil #1 (final)")
LABELS = ('très bon: "oui"', "meh; naja")


def write_table(path: Path) -> None:
    """300 rows with odd names, text of 1 to 30 words, every third of the second label."""
    rows = [(n, f"word{n} " * (1 + n % 30), LABELS[n % 3 == 0]) for n in range(300)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False)


COMMAND = [sys.executable, "-m", "scripts.new_config"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def call(cwd, *arguments: str) -> subprocess.CompletedProcess:
    """Call the script without a terminal."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
