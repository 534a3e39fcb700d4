"""A copy of the workflow in a temporary folder, and the processes that the benchmark times in it.

This module and its importer stay small on purpose, without torch or pandas: Linux counts a parent's resident memory
towards the peak of the processes that it starts.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bitsweep.model.modes import BUILT_IN

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["Snakefile", "config.yaml", "bitsweep", "benchmarks", "envs", "models", "profiles", "rules", "scripts"]
EXPERIMENT = "results/benchmark"
CONFIG = "benchmark.yaml"
LABELS = 2
FIRST_STEP = "first_step.txt"


@dataclass(frozen=True)
class Sizes:
    """The sizes of what is measured. Rows are taken from the start of each split."""

    name: str
    train: int
    validation: int
    sweep_epochs: int
    sweep_batch_sizes: tuple[int, ...]
    sweep_rounds: int
    seeds: tuple[int, ...]
    run_epochs: int
    run_batch_sizes: tuple[int, ...]
    run_rounds: int
    start_rounds: int
    modes: tuple[str, ...] = ("full", "bitfit")
    learning_rates: tuple[float, ...] = (3e-4,)
    max_length: int = 512

    @property
    def grid(self) -> dict[str, list]:
        """The sweep's grid, the same for all ways."""
        return {
            "mode": list(self.modes),
            "batch_size": list(self.sweep_batch_sizes),
            "learning_rate": list(self.learning_rates),
            "seed": list(self.seeds),
        }


@dataclass(frozen=True)
class Process:
    """A process that ended well: when it was started (as `time.time`), its seconds, its peak memory in MB (10^6)."""

    started: float
    seconds: float
    peak_memory_mb: float


class Copy:
    """The copy, and what runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "results"))
            else:
                shutil.copy(source, folder / part)

    def process(self, name: str, command: Sequence[str | Path | int]) -> Process:
        """Run a command in the copy; raise RuntimeError with the end of its output where it fails."""
        log = self.folder / f"{name}.log"
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            # Nothing is downloaded, and no import waits for a server's answer.
            "HF_HUB_OFFLINE": "1",
            # All ways import compiled modules, as after a first start, however their packages were installed.
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with log.open("w") as output:
            started, clock = time.time(), time.perf_counter()
            child = subprocess.Popen(
                [str(part) for part in command],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                _, status, usage = os.wait4(child.pid, 0)
            except BaseException:
                child.terminate()
                child.wait()
                raise
            seconds = time.perf_counter() - clock
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"{name} failed with {child.returncode}:\n{log.read_text()[-4000:]}")
        return Process(started, seconds, usage.ru_maxrss * 1024 / 1e6)


class Workspace(Copy):
    """The copy, with a config made from `config.yaml`. The Python `product` runs BitSweep, `peer` runs the peers."""

    def __init__(self, folder: Path, sizes: Sizes, product: Path, peer: Path) -> None:
        super().__init__(folder)
        self.sizes, self.product, self.peer = sizes, product, peer
        self.write_config()

    def write_config(self) -> None:
        """Write a config with the data, the split and the encoder of `config.yaml`, and with the benchmark's sizes."""
        config = yaml.safe_load((self.folder / "config.yaml").read_text())
        self.encoder = config["encoder"]["path"]
        config["experiment"] = Path(EXPERIMENT).name
        config["limit"] = {"train": self.sizes.train, "validation": self.sizes.validation, "test": 1}
        config["max_length"] = self.sizes.max_length
        config["grid"] = self.sizes.grid
        # The peers use the processor only.
        config["training"] = {**config["training"], "epochs": self.sizes.sweep_epochs, "device": "cpu"}
        self.training = config["training"]
        (self.folder / CONFIG).write_text(yaml.safe_dump(config))

    def read(self, file: str) -> dict:
        return json.loads((self.folder / file).read_text())

    def snakemake(self, name: str, *targets: str) -> Process:
        """Make the targets with real Snakemake on all cores."""
        command = [self.product, "-m", "snakemake", "--configfile", CONFIG, "--cores", "all"]
        return self.process(name, [*command, *(f"{EXPERIMENT}/{target}" for target in targets)])

    def clear(self, *spared: str) -> None:
        """Remove all that Snakemake has made but the folders `spared`."""
        for path in (self.folder / EXPERIMENT).iterdir():
            if path.name not in spared:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def train_run(self, mode: str, batch_size: int, seed: int, epochs: int, probe: bool = False) -> Process:
        """Run one of BitSweep's runs on the tokens that Snakemake made, or with `probe` its start to the first step."""
        recipe = {
            "mode": BUILT_IN[mode],
            "batch_size": batch_size,
            "learning_rate": self.sizes.learning_rates[0],
            "seed": seed,
            "train_size": None,
            "metric": "accuracy",
            "epochs": epochs,
            **{key: self.training[key] for key in ("weight_decay", "max_grad_norm", "threads")},
        }
        tokens = f"{EXPERIMENT}/tokens"
        module = ["benchmarks.first_step", FIRST_STEP] if probe else ["scripts.train_run"]
        command = [self.product, "-m", *module, "--recipe", json.dumps(recipe), "--labels", LABELS]
        command += ["--encoder", f"{EXPERIMENT}/encoder", "--precision", f"{EXPERIMENT}/precision.json"]
        command += ["--train", f"{tokens}/train.safetensors", "--validation", f"{tokens}/validation.safetensors"]
        # The stored results of the run before would be taken instead of training.
        shutil.rmtree(self.folder / "alone", ignore_errors=True)
        return self.process("bitsweep", [*command, "--output", "alone"])

    def train_peer(self, way: str, grid: dict[str, list], epochs: int, *options: str) -> Process:
        """Run one run of a peer in one process, or with the option --sweep a whole sweep."""
        data = f"{EXPERIMENT}/data"
        command = [self.peer, "-m", "benchmarks.peers", "--way", way, "--grid", json.dumps(grid), "--epochs", epochs]
        command += ["--encoder", self.encoder, "--labels", LABELS, "--max-length", self.sizes.max_length]
        command += ["--train", f"{data}/train.parquet", "--train-limit", self.sizes.train]
        command += ["--validation", f"{data}/validation.parquet", "--validation-limit", self.sizes.validation]
        command += ["--precision", self.precision, "--output", f"{way}.json", *options]
        return self.process(way, command)

    def first_step(self) -> float:
        """Return when the process that was started last had made its first step, as `time.time` gives it."""
        return float((self.folder / FIRST_STEP).read_text())

    def results(self) -> list[str]:
        """Return the paths of the results of all of the sweep's runs, relative to the copy."""
        folder = self.folder / EXPERIMENT / "runs"
        return [str(path.relative_to(self.folder)) for path in sorted(folder.glob("*/*/*/*/result.json"))]

    @property
    def precision(self) -> str:
        return self.read(f"{EXPERIMENT}/precision.json")["precision"]

    def ceiling(self) -> dict:
        """Measure the best rate of a matrix product now, and return it with the operations that the runs need."""
        command = [self.product, "-m", "benchmarks.ceiling", "--tokens", f"{EXPERIMENT}/tokens/train.safetensors"]
        command += ["--encoder", f"{EXPERIMENT}/encoder", "--labels", LABELS, "--precision", self.precision]
        self.process("ceiling", [*command, "--output", "ceiling.json"])
        return self.read("ceiling.json")
