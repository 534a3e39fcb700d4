"""What finished runs note for later estimates of time."""

import json
from pathlib import Path

import yaml

from bitsweep.config.load import load_settings
from tests.helpers.resources import timed_of


def test_runs_note_what_their_time_follows_from(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    timed = timed_of(load_settings(yaml.safe_load(Path("configs/small.yaml").read_text())))
    noted = [json.loads(path.read_text())["timed"] for path in Path("results/small/runs").glob("*/*/*/*/costs.json")]
    assert noted == [timed] * 8
