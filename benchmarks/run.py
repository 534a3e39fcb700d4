"""Compare BitSweep with `transformers.Trainer`, as usually run and as tuned; `benchmarks/README.md` says how.

python -m benchmarks.run            about forty minutes on two cores
python -m benchmarks.run --quick    a smaller sample, about eight minutes
python -m benchmarks.run --tiny     tries the benchmark itself; its numbers mean nothing

It prints a table and writes benchmarks/results/latest.json, anew after every measurement. Run it with the Python that
has the packages of benchmarks/requirements.txt; BitSweep itself runs in .venv, or with the Python that --python names.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.summary import WAYS, summarize, table
from benchmarks.workspace import EXPERIMENT, FIRST_STEP, ROOT, Process, Sizes, Workspace
from bitsweep.files import write_json

SIZES = {
    "full": Sizes(
        name="full",
        train=1000,
        validation=250,
        sweep_epochs=2,
        sweep_batch_sizes=(32,),
        sweep_rounds=2,
        seeds=(1, 2, 3),
        run_epochs=1,
        run_batch_sizes=(8, 32, 128),
        run_rounds=2,
        start_rounds=3,
    ),
    "quick": Sizes(
        name="quick",
        train=192,
        validation=96,
        sweep_epochs=2,
        sweep_batch_sizes=(32,),
        sweep_rounds=1,
        seeds=(1, 2, 3),
        run_epochs=1,
        run_batch_sizes=(128,),
        run_rounds=1,
        start_rounds=1,
    ),
    "tiny": Sizes(
        name="tiny",
        train=16,
        validation=16,
        sweep_epochs=1,
        sweep_batch_sizes=(8,),
        sweep_rounds=1,
        seeds=(1, 2),
        run_epochs=1,
        run_batch_sizes=(8,),
        run_rounds=1,
        start_rounds=1,
    ),
}
PACKAGES = ["torch", "transformers", "accelerate", "optuna", "datasets", "snakemake", "numpy"]
LATEST = ROOT / "benchmarks" / "results" / "latest.json"


class Benchmark:
    """The benchmark, part by part. `records` has a dictionary for each measurement, from which the results are made."""

    def __init__(self, workspace: Workspace, sizes: Sizes, output: Path) -> None:
        self.workspace, self.sizes, self.output = workspace, sizes, output
        self.records: list[dict] = []
        self.clock = time.perf_counter()
        self.about = {
            "size": sizes.name,
            "complete": False,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": describe_machine(),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "bitsweep": describe_commit(),
            "sizes": asdict(sizes),
        }

    def note(self, **record) -> None:
        """Add a measurement, print it, and write all of them, so that an interruption loses nothing."""
        self.records.append(record)
        shown = {key: round(value, 3) if isinstance(value, float) else value for key, value in record.items()}
        line = ", ".join(f"{key} {value}" for key, value in shown.items() if not isinstance(value, (list, dict)))
        print(f"[{time.perf_counter() - self.clock:6.0f} s] {line}", file=sys.stderr, flush=True)
        self.write()

    def write(self) -> None:
        self.about["seconds"] = round(time.perf_counter() - self.clock, 1)
        write_json(self.output, {**summarize(self.records), **self.about, "measurements": self.records})

    def prepare(self) -> None:
        """Make the rows and the encoder, which count in no way's time, and what the runs alone need."""
        targets = ["data/train.parquet", "data/validation.parquet", "encoder/model.safetensors"]
        # The first time warms up the disk's cache and compiles what Python imports; the second is recorded.
        self.workspace.snakemake("prepare", *targets)
        self.workspace.clear()
        self.note(part="prepare", way="bitsweep", seconds=self.workspace.snakemake("prepare", *targets).seconds)
        self.workspace.snakemake(
            "tokens", "tokens/train.safetensors", "tokens/validation.safetensors", "precision.json"
        )
        self.about["precision"] = self.workspace.read(f"{EXPERIMENT}/precision.json")
        self.about["machine"]["processor"] = self.about["precision"]["hardware"]

    def rounds(self, count: int) -> Iterator[tuple[int, str]]:
        """Yield each round's number with every way, in an order that rotates so that none always comes first."""
        for index in range(count):
            for turn in range(len(WAYS)):
                yield index + 1, WAYS[(index + turn) % len(WAYS)]

    def train_alone(self, way: str, mode: str, batch_size: int, probe: bool = False) -> Process:
        """Run one run in a process of its own, or with `probe` only its start to the first step."""
        seed, epochs = self.sizes.seeds[0], self.sizes.run_epochs
        if way == "bitsweep":
            return self.workspace.train_run(mode, batch_size, seed, epochs, probe)
        rate = self.sizes.learning_rates[0]
        grid = {"mode": [mode], "batch_size": [batch_size], "learning_rate": [rate], "seed": [seed]}
        return self.workspace.train_peer(way, grid, epochs, *(["--first-step", FIRST_STEP] if probe else []))

    def measure_starts(self) -> None:
        """Measure the seconds from starting a process to the end of its first optimizer step, with 8 examples."""
        # A first round does not count: it warms up, as the first time of `prepare` does.
        for index, way in self.rounds(self.sizes.start_rounds + 1):
            process = self.train_alone(way, "full", 8, probe=True)
            if index > 1:
                seconds = self.workspace.first_step() - process.started
                self.note(part="start", way=way, round=index - 1, seconds=seconds)

    def measure_ceiling(self) -> None:
        self.note(part="ceiling", **self.workspace.ceiling())

    def measure_sweeps(self) -> None:
        """Measure whole sweeps with all cores busy, from the rows to the accuracies of all runs."""
        for index, way in self.rounds(self.sizes.sweep_rounds):
            if way == "bitsweep":
                self.workspace.clear("data", "encoder")
                process = self.workspace.snakemake("sweep", "selection.json")
                runs = [describe_run(self.workspace, path) for path in self.workspace.results()]
            else:
                process = self.workspace.train_peer(way, self.sizes.grid, self.sizes.sweep_epochs, "--sweep")
                runs = self.workspace.read(f"{way}.json")["runs"]
                runs = [{**run, "accuracy": max(run["accuracies"])} for run in runs]
            self.note(part="sweep", way=way, round=index, seconds=process.seconds, runs=runs)
        self.check_modes()

    def check_modes(self) -> None:
        """Raise RuntimeError where a mode does not train as many parameters in one way as in another."""
        runs = [run for record in self.records if record["part"] == "sweep" for run in record["runs"]]
        for mode in self.sizes.modes:
            counts = {run["trainable_parameters"] for run in runs if run["mode"] == mode}
            if len(counts) > 1:
                raise RuntimeError(f"The ways train different numbers of parameters in mode {mode}: {sorted(counts)}.")

    def measure_runs(self) -> None:
        """Measure whole runs, one at a time: start, training, evaluation, saving."""
        for index in range(self.sizes.run_rounds):
            self.measure_ceiling()
            for mode in self.sizes.modes:
                for batch_size in self.sizes.run_batch_sizes:
                    for turn in range(len(WAYS)):
                        self.measure_run(index + 1, WAYS[(index + turn) % len(WAYS)], mode, batch_size)

    def measure_run(self, index: int, way: str, mode: str, batch_size: int) -> None:
        process = self.train_alone(way, mode, batch_size)
        result = self.workspace.read("alone/costs.json" if way == "bitsweep" else f"{way}.json")
        self.note(
            part="run",
            way=way,
            round=index,
            mode=mode,
            batch_size=batch_size,
            seconds=process.seconds,
            peak_memory_mb=process.peak_memory_mb,
            # The peers tokenize in each process; BitSweep does it once for an experiment, in its sweep's time.
            tokenize_seconds=result.get("tokenize_seconds", 0.0),
            tokens_per_second=result.get("tokens_per_second"),
        )

    def measure(self) -> None:
        self.prepare()
        self.measure_starts()
        self.measure_ceiling()
        self.measure_sweeps()
        self.measure_runs()
        self.about["complete"] = True
        self.write()


def describe_run(workspace: Workspace, path: str) -> dict:
    """Return one of BitSweep's results in the form of the peers' results."""
    result = workspace.read(path) | workspace.read(path.replace("result.json", "costs.json"))
    recipe = result["made_from"]["recipe"]
    return {
        "mode": re.search("/mode~([^/]+)/", path)[1],
        **{key: recipe[key] for key in ("batch_size", "learning_rate", "seed")},
        "trainable_parameters": result["trainable_parameters"],
        "accuracy": result["best"] and result["best"]["validation_accuracy"],
        "tokens_per_second": result["tokens_per_second"],
    }


def describe_machine() -> dict:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    # More than the benchmark's own work in the load means that others have shared the cores.
    return {
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory, 1),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def describe_commit() -> str | None:
    """Return the commit that is measured, None outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", default="full")
    size.add_argument("--tiny", dest="size", action="store_const", const="tiny")
    own = ROOT / ".venv" / "bin" / "python"
    parser.add_argument("--python", type=Path, default=own if own.exists() else Path(sys.executable))
    parser.add_argument("--output", type=Path, default=LATEST, help="JSON file to write")
    arguments = parser.parse_args()
    sizes = SIZES[arguments.size]
    with tempfile.TemporaryDirectory(prefix="bitsweep-benchmark-") as folder:
        # The path is not resolved: a virtual environment's Python is a link, which works only from its place.
        workspace = Workspace(Path(folder), sizes, arguments.python.absolute(), Path(sys.executable))
        benchmark = Benchmark(workspace, sizes, arguments.output)
        try:
            benchmark.measure()
        finally:
            if benchmark.records:
                print(table(summarize(benchmark.records)))


if __name__ == "__main__":
    main()
