"""Slots of GPUs, by real processes; no GPU is needed, since a slot is a lock and the name of a GPU."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bitsweep.errors import UserError
from bitsweep.jobs.gpu_slots import GPUS, share_gpus
from tests.helpers.workspace import ROOT

HOLD = """
import os, sys, time
from bitsweep.jobs.gpu_slots import gpu_slot
print("asks", flush=True)
with gpu_slot(int(sys.argv[1])):
    print("sees", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    time.sleep(600)
"""


class Runs:
    """Processes that hold a slot each, or wait for one."""

    def __init__(self, folder: Path, gpus: str, percent: int) -> None:
        self.folder = folder
        self.environment = {**os.environ, "TMPDIR": str(folder), GPUS: gpus, "PYTHONPATH": str(ROOT)}
        self.percent = percent
        self.processes: list[subprocess.Popen] = []

    def start(self) -> int:
        """Start one; return its number."""
        number = len(self.processes)
        with (self.folder / f"{number}.txt").open("w") as output:
            command = [sys.executable, "-c", HOLD, str(self.percent)]
            self.processes.append(subprocess.Popen(command, env=self.environment, stdout=output))
        return number

    def said(self, number: int, word: str, seconds: float = 30) -> str | None:
        """Return what one says after `word`, None where it has not said so after so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in (self.folder / f"{number}.txt").read_text().splitlines():
                if line.startswith(word):
                    return line.removeprefix(word).strip()
            time.sleep(0.05)
        return None

    def gpu_of(self, number: int, seconds: float = 30) -> str | None:
        """Return the GPU that one sees once it has a slot, None where it has none after so many seconds."""
        return self.said(number, "sees", seconds)


@pytest.fixture
def runs(tmp_path, request):
    made = Runs(tmp_path, *request.param)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize("runs", [("0,5", 50)], indirect=True)
def test_runs_spread_over_gpus_wait_for_a_slot_and_leave_it_when_killed(runs):
    # One after the other, so each must go to the GPU with fewer runs.
    gpus = [runs.gpu_of(runs.start()) for _ in range(4)]
    assert sorted(gpus[:2]) == ["0", "5"]
    assert Counter(gpus) == {"0": 2, "5": 2}
    fifth = runs.start()
    assert runs.said(fifth, "asks") == ""
    assert runs.gpu_of(fifth, seconds=3) is None
    runs.processes[gpus.index("5")].kill()
    assert runs.gpu_of(fifth) == "5"


@pytest.mark.parametrize("runs", [("0,1,2", 33)], indirect=True)
def test_runs_that_start_at_once_never_share_a_slot(runs):
    numbers = [runs.start() for _ in range(9)]
    assert Counter(map(runs.gpu_of, numbers)) == {"0": 3, "1": 3, "2": 3}


def test_a_profile_names_the_gpus(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv(GPUS, "")
    share_gpus(300)
    assert os.environ[GPUS] == "0,1,2"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    share_gpus(200)
    assert os.environ[GPUS] == "4,7"
    with pytest.raises(UserError, match=r"resources.gpu_percent is 0, so there is no GPU to share"):
        share_gpus(0)
