"""Nothing finished is lost, whatever happens: kills, signals, full disks, torn files, memory that runs out."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.helpers.workspace import Workspace

pytestmark = pytest.mark.crash
GRID = {"mode": ["full", "bitfit"], "batch_size": [8], "learning_rate": [3e-4]}
# What differs from time to time: seconds and memory, what the processor can do, what tells of these.
MEASURED = {"costs", "modes", "precision", "summary", "report", "index"}


def crash_config(workspace: Workspace) -> Path:
    return workspace.config("crash", grid=GRID, limit={"train": 192, "validation": 32, "test": 32})


def outputs(workspace: Workspace) -> dict[str, bytes]:
    """Every output that must come out the same, by its path."""
    results = workspace.folder / "results" / "crash"
    paths = (path for path in results.rglob("*") if path.is_file() and path.stem not in MEASURED)
    names = {path: path.relative_to(results) for path in paths}
    return {
        str(name): path.read_bytes()
        for path, name in names.items()
        if name.parts[0] != "logs" and not any(part.startswith(".") for part in name.parts)
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    workspace = Workspace(tmp_path_factory.mktemp("undisturbed"))
    done = workspace.snakemake("--cores", "2", "--configfile", crash_config(workspace))
    assert done.returncode == 0, done.stdout
    return outputs(workspace)


def assert_same(found: dict[str, bytes], wanted: dict[str, bytes]) -> None:
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []


class Attacker:
    """Starts the same sweep again and again, and stops it as soon as a job begins that was not stopped yet."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.command = ("--cores", "2", "--configfile", crash_config(workspace))
        self.logs = workspace.folder / "results" / "crash" / "logs"
        self.stopped: dict[str, int] = {}
        self.stops = 0

    def begun(self, since: float) -> str | None:
        """Return a job that has begun in this call, and was stopped less often than it shall be."""
        for path in sorted(self.logs.rglob("*.log")):
            name = str(path.relative_to(self.logs))
            often = {"train_run": 5, "evaluate_mode": 2}.get(name.split("/")[0], 1)
            with contextlib.suppress(FileNotFoundError):
                if self.stopped.get(name, 0) < often and path.stat().st_mtime >= since:
                    return name
        return None

    def stop(self, process: subprocess.Popen) -> None:
        """Kill the whole group at once, most of the time; else stop it as Ctrl-C, Ctrl-C twice or SIGTERM would."""
        way = self.stops % 8
        signals = {5: [signal.SIGINT], 6: [signal.SIGINT, signal.SIGINT], 7: [signal.SIGTERM]}.get(
            way, [signal.SIGKILL]
        )
        for number in signals:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            time.sleep(0.2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def call(self) -> int | None:
        """One call of Snakemake; its exit status where it came to its end, None where it was stopped."""
        since = time.time()
        process = self.workspace.start(*self.command, log=self.workspace.folder / "call.log")
        while process.poll() is None:
            if name := self.begun(since):
                # At its start, while Python imports, while it works.
                time.sleep([0.0, 0.4, 1.5, 3.0][self.stops % 4])
                if process.poll() is None:
                    self.stop(process)
                    self.stops += 1
                self.stopped[name] = self.stopped.get(name, 0) + 1
                return None
            time.sleep(0.02)
        return process.returncode


def test_a_sweep_killed_at_every_stage_ends_as_if_undisturbed(workspace, undisturbed):
    """The same command goes on: no lock is to be removed, nothing half-made is used, no finished run trained again."""
    attacker = Attacker(workspace)
    trained: dict[Path, int] = {}
    for _ in range(80):
        status = attacker.call()
        for path in (workspace.folder / "results" / "crash" / "runs").glob("*/*/*/*/.finished/*/result.json"):
            # A finished run stays the file that it was.
            assert trained.setdefault(path, path.stat().st_ino) == path.stat().st_ino
        if status is not None:
            break
    assert status == 0, (workspace.folder / "call.log").read_text()
    assert attacker.stops >= 20
    stages = {name.split("/")[0].removesuffix(".log") for name in attacker.stopped}
    assert len(stages) >= 12
    assert {"train_run", "evaluate_mode"} <= stages
    assert len(trained) == 2
    assert_same(outputs(workspace), undisturbed)
    runs = workspace.folder / "results" / "crash" / "runs"
    assert [path for path in runs.rglob(".*") if "checkpoint" in path.name or path.suffix == ".part"] == []


def test_a_second_sweep_in_the_same_folder_says_so_and_harms_nothing(workspace, undisturbed):
    command = ("--cores", "2", "--configfile", crash_config(workspace))
    first = workspace.start(*command, log=workspace.folder / "first.log")
    while not (workspace.folder / "results" / "crash" / "logs").exists():
        assert first.poll() is None
        time.sleep(0.05)
    second = workspace.snakemake(*command)
    # Snakemake 9.27 fails where a file appears between two looks of a dry run.
    os.killpg(first.pid, signal.SIGSTOP)
    planned = workspace.snakemake("--dry-run", *command)
    os.killpg(first.pid, signal.SIGCONT)
    assert first.wait(300) == 0
    assert second.returncode != 0
    assert "Another call works on results/crash in this folder" in second.stdout
    assert "Traceback" not in second.stdout
    assert planned.returncode == 0, planned.stdout
    assert_same(outputs(workspace), undisturbed)


def test_a_run_whose_snakemake_was_killed_is_not_trained_twice_at_once(workspace, undisturbed):
    """SIGKILL to Snakemake alone leaves its jobs behind: the next call waits for them and takes what they made."""
    # Long enough that the next call meets the run in training.
    config = workspace.config("crash", grid=GRID, limit={"train": 4000, "validation": 32, "test": 32})
    command = ("--cores", "2", "--configfile", config)
    first = workspace.start(*command, log=workspace.folder / "first.log")
    logs = workspace.folder / "results" / "crash" / "logs" / "train_run"
    while len(list(logs.rglob("*.log"))) < 2:
        assert first.poll() is None
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = workspace.snakemake("results/crash/runs.csv", *command)
    assert second.returncode == 0, second.stdout
    texts = [path.read_text() for path in logs.rglob("*.log")]
    assert "Jobs of an earlier call still work on results/crash: waiting for them." in second.stdout
    assert all("taken as it was stored" in log for log in texts)


@pytest.fixture
def small_disk(workspace: Workspace):
    """Put the results on a file system of 12 MB, which `grow` makes large enough."""
    results = workspace.folder / "results"
    results.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", results], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mount.stderr.strip()}")
    yield lambda: subprocess.run(["mount", "-o", "remount,size=1g", results], check=True)
    subprocess.run(["umount", results], check=True)


@pytest.mark.parametrize("key", ["file", "text", "where"])
def test_no_value_of_a_config_reaches_a_shell(workspace, key):
    settings = yaml.safe_load((workspace.folder / "configs" / "small.yaml").read_text())
    value = "x'; touch pwned; \"$(touch pwned)`touch pwned`\" {wildcards} ~ * \\n '"
    data = {**settings["data"], key: {"source": value} if key == "where" else value}
    done = workspace.snakemake("--cores", "1", "--configfile", workspace.config("crash", data=data))
    assert done.returncode != 0
    assert not list(workspace.folder.rglob("pwned"))
    assert "Error" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_full_disk_is_told_and_nothing_half_written_stays(workspace, small_disk, undisturbed):
    command = ("--cores", "2", "--configfile", crash_config(workspace))
    failed = workspace.snakemake(*command)
    assert failed.returncode != 0
    assert "No space left on device" in failed.stdout
    assert "Traceback" not in failed.stdout
    small_disk()
    done = workspace.snakemake(*command)
    assert done.returncode == 0, done.stdout
    assert_same(outputs(workspace), undisturbed)


def test_a_run_that_memory_does_not_allow_fails_alone_and_the_report_names_it(workspace):
    """One run's job is given a limit that leaves nothing for its first example; the others have none."""
    config = crash_config(workspace)
    settings = yaml.safe_load(config.read_text())
    settings["grid"] = {"mode": ["full", "bitfit"], "batch_size": [8, 16], "learning_rate": [3e-4]}
    settings["max_length"] = 128
    config.write_text(yaml.safe_dump(settings))
    command = ("--cores", "2", "--configfile", config)
    rules = workspace.folder / "rules" / "train.smk"
    whole = rules.read_text()
    limited = '"python -m tests_limit {wildcards.mode}{wildcards.batch_size} --recipe {params.recipe:q}'
    rules.write_text(whole.replace('"python -m scripts.train_run --recipe {params.recipe:q}', limited))
    (workspace.folder / "tests_limit.py").write_text(LIMITED_RUN)
    failed = workspace.snakemake(*command)
    assert failed.returncode != 0
    sentence = r"1 of 4 runs could not be trained; .* Not even one example of \d+ tokens fits into memory"
    assert re.search(sentence, failed.stdout), failed.stdout
    report = workspace.folder / "results" / "crash" / "report"
    text = (report / "report.md").read_text()
    assert "**Missing:** 1 of the 4 runs could not be trained" in text
    assert "full at batch size 16, learning rate 3e-4, seed 42 (“Not even one example of" in text
    summary = json.loads((report / "summary.json").read_text())
    assert summary["modes"]["full"]["selected"]["batch_size"] == 8
    # With memory the same command trains that run alone.
    times = {path: path.stat().st_mtime_ns for path in workspace.folder.glob("results/crash/runs/*/*/*/*/result.json")}
    (workspace.folder / "tests_limit.py").write_text(LIMITED_RUN.replace("full16", "none"))
    done = workspace.snakemake(*command)
    assert done.returncode == 0, done.stdout
    changed = [path for path, time_ns in times.items() if path.stat().st_mtime_ns != time_ns]
    assert [path.parts[-4:-2] for path in changed] == [("batch_size~16", "learning_rate~3e-4")]
    assert "**Missing:**" not in (report / "report.md").read_text()


# Calls the script, with a real limit on its address space from the moment that its training would begin.
LIMITED_RUN = """
import resource, runpy, sys
import bitsweep.model.fast.light_imports
from bitsweep.training import loop as training

def size():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

begin = training.Run.train_epoch

def limited(self, epoch):
    # What is free within the process is used up, down to pieces smaller than one example needs.
    resource.setrlimit(resource.RLIMIT_AS, (size() + 2**20, -1))
    hold = []
    for exponent in range(24, 16, -1):
        try:
            while True:
                hold.append(bytearray(2**exponent))
        except MemoryError:
            pass
    self.hold = hold
    return begin(self, epoch)

if sys.argv.pop(1) == "full16":
    training.Run.train_epoch = limited
runpy.run_module("scripts.train_run", run_name="__main__", alter_sys=True)
"""


def test_an_experiment_whose_runs_all_diverge_still_gets_its_report(workspace):
    grid = {"mode": ["full", "bitfit"], "batch_size": [8], "learning_rate": [1e38]}
    config = workspace.config("crash", grid=grid, training={"epochs": 1})
    done = workspace.snakemake("--cores", "2", "--configfile", config)
    assert done.returncode == 0, done.stdout
    results = workspace.folder / "results" / "crash"
    assert pd.read_csv(results / "runs.csv")["diverged"].all()
    assert "No setting was trained to a finite loss" in (results / "report" / "report.md").read_text()
