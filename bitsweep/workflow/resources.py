"""What a run asks of a machine, from the encoder's shape and the run's settings: seconds, memory, its share of a GPU.

The numbers are bounds for a cluster's scheduler, not forecasts; `benchmarks/demand.py` shows them beside what is taken.
"""

import contextlib
import json
import math
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bitsweep.config.settings import FolderEncoder, Settings

# As bert-base has them, where the encoder's files are not here yet.
UNKNOWN = {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072, "vocab_size": 30522}
# What other architectures call them.
OTHER_NAMES = {
    "hidden_size": ("dim", "d_model"),
    "num_hidden_layers": ("n_layers", "num_layers"),
    "intermediate_size": ("hidden_dim", "ffn_dim"),
    "vocab_size": (),
}
# As `batches.py` has them, which is not imported here, since torch takes seconds to import.
TRAINING_TOKENS, EVALUATION_TOKENS = 4096, 8192
# A core's work on matrices, GFLOP/s: what an older one does in float32.
GFLOPS = 20.0
# Rows of a split where they are not known; of the validation split a fifth.
UNKNOWN_ROWS = 25_000
# From a process's start to its first step.
START_SECONDS = 5.0
# Windows at most whose hidden states tell a teacher's principal components, as `teacher.py` has them.
SAMPLE = 1200
# A cluster's job of less work than this spends more than a tenth of its time on queueing, starting and being noticed.
JOB_SECONDS = 300.0


@dataclass(frozen=True)
class Shape:
    """The shape of an encoder: layers, hidden size, feed-forward size, parameters in layers and in embeddings."""

    layers: int
    hidden: int
    inner: int
    embeddings: int

    @property
    def body(self) -> int:
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.inner)


def read_shape(config: Mapping) -> Shape:
    """The shape that an encoder's config.json tells, under whatever names; what it does not tell is bert-base's."""

    def value(name: str) -> int:
        found = (config.get(key) for key in (name, *OTHER_NAMES[name]))
        return next((number for number in found if isinstance(number, int) and number > 0), UNKNOWN[name])

    hidden = value("hidden_size")
    width = config.get("embedding_size")
    embeddings = value("vocab_size") * (width if isinstance(width, int) else hidden)
    return Shape(value("num_hidden_layers"), hidden, value("intermediate_size"), embeddings)


def find_shape(settings: Settings, prepared: Path) -> Shape:
    """The shape of the experiment's encoder: from its folder, or for one from the Hub from the `prepared` one."""
    folder = Path(settings.encoder.path) if isinstance(settings.encoder, FolderEncoder) else prepared
    try:
        return read_shape(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError):
        return read_shape({})


class RunResources:
    """What the runs of an experiment ask for; a run is its cell of the grid, as it stands in paths."""

    def __init__(
        self,
        settings: Settings,
        shape: Shape,
        rows: Path | None = None,
        rows_of: str = "",
        sources: Sequence[str] = (),
    ) -> None:
        """`rows` is the file with the sizes of the splits, once split_data has written it for what `rows_of` names.

        `sources` are the user's own files that the rows are from.
        """
        self.settings = settings
        self.shape = shape
        self.rows = rows
        self.rows_of = rows_of
        self.sources = sources
        self.sizes: dict[str, int] = {}
        # How much longer runs take than predicted; None until one has been measured.
        self.measured: float | None = None

    def measure(self, runs: Iterable[tuple[Mapping[str, str], Path]], timed: str, enough: int = 20) -> None:
        """Compares what is predicted with what finished runs took: pairs of a run's cell and its costs.json.

        Only runs whose costs name `timed` count (see `params.timed_key`): others were made from settings for which
        something else is predicted.
        """
        ratios = []
        for run, path in runs:
            try:
                costs = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if costs.get("timed") == timed and costs["seconds"]:
                ratios.append(costs["seconds"] / self.predict_seconds(run))
            if len(ratios) == enough:
                break
        self.measured = statistics.median(ratios) if ratios else None

    def examples(self, split: str) -> int:
        """Rows that a split has: its limit, else what is known of the data."""
        if limit := getattr(self.settings.limit, split):
            return limit
        if not self.sizes and self.rows:
            with contextlib.suppress(OSError, ValueError, KeyError):
                sizes, counted = json.loads(self.rows.read_text(encoding="utf-8")), self.rows.stat().st_mtime
                # Not those of data of before.
                if sizes["rows_of"] == self.rows_of and all(os.stat(file).st_mtime <= counted for file in self.sources):
                    self.sizes = sizes
        return self.sizes.get(split, UNKNOWN_ROWS // 5 if split == "validation" else UNKNOWN_ROWS)

    def example_operations(self) -> float:
        """Operations of the matrix products of one forward pass over the longest text; backward are twice as many."""
        shape, length = self.shape, self.settings.max_length
        return length * (2 * shape.body + 4 * shape.layers * shape.hidden * length)

    def predict_seconds(self, run: Mapping[str, str]) -> float:
        """Seconds of a run on cores that do GFLOPS, without its start."""
        settings, shape = self.settings, self.shape
        examples, checked = int(run.get("train_size") or self.examples("train")), self.examples("validation")
        operations = (3 * examples + checked) * self.example_operations()
        # AdamW over all parameters at every step counts as some twenty operations each.
        size = run["batch_size"]
        steps = examples / int(size) if size.isdigit() else examples / 8
        operations += steps * 20 * (shape.body + shape.embeddings)
        return settings.training.epochs * operations / (GFLOPS * 1e9 * settings.training.threads)

    def seconds(self, run: Mapping[str, str]) -> float:
        """Seconds that a run is expected to take, start included."""
        return START_SECONDS + self.predict_seconds(run) * (self.measured or 1.0)

    def minutes(self, run: Mapping[str, str], attempt: int) -> int:
        """The time limit to ask for: some times what is expected, and twice that after a job that was ended by it."""
        room = 3 if self.measured else 6
        return math.ceil((60 + room * self.seconds(run)) / 60) * 2 ** (attempt - 1)

    def evaluation_minutes(self, runs: int, attempt: int) -> int:
        """The time limit to ask for to evaluate so many runs on the test split."""
        operations = runs * self.examples("test") * self.example_operations()
        seconds = operations / (GFLOPS * 1e9 * self.settings.training.threads)
        return math.ceil((300 + 6 * seconds) / 60) * 2 ** (attempt - 1)

    def memory_mb(self, run: Mapping[str, str], attempt: int) -> int:
        """Memory to ask for, MB of 10^6 bytes, and twice that after a job that was killed for it."""
        return math.ceil(self.predict_memory_mb(run) * 1.1 / 100) * 100 * 2 ** (attempt - 1)

    def predict_memory_mb(self, run: Mapping[str, str]) -> float:
        """MB of a run's process and of Snakemake's that start it."""
        settings, shape = self.settings, self.shape
        size = run["batch_size"]
        parameters = shape.body + shape.embeddings + 512 * shape.hidden
        length = settings.max_length
        tokens = min(max(TRAINING_TOKENS, length), int(size) * length if size.isdigit() else TRAINING_TOKENS)
        # Parameters, gradients, two moments, the best epoch, and a copy of all in the number format of the products.
        state = 6 * 4 * parameters
        # What a layer keeps for its gradient, in float32.
        kept = shape.layers * tokens * 4 * (6 * shape.hidden + shape.inner)
        # In evaluation one layer's alone.
        used = max(EVALUATION_TOKENS, length) * 4 * (6 * shape.hidden + 2 * shape.inner)
        # Libraries, kernels for every shape of batch, and Snakemake's own processes.
        return 1150 + (state + kept + used) / 1e6

    def gpu_percent(self) -> int:
        """The share of one GPU that a run gets: as many small encoders share one as together keep it at work."""
        return 100 // min(8, max(1, 40_000_000 // max(1, self.shape.body)))

    def runs_per_job(self, runs: Iterable[Mapping[str, str]], at_once: int) -> int:
        """How many runs a cluster's job gets, of which `at_once` train side by side: JOB_SECONDS of work."""
        runs = list(runs)
        mean = statistics.fmean(map(self.seconds, runs))
        return min(len(runs), max(1, math.ceil(JOB_SECONDS / mean)) * max(1, at_once))


def teaching_minutes(weights: float, tokens: float) -> int:
    """The minutes to ask for where a teacher of so many bytes of weights, float32, reads so many tokens on one core."""
    # Two operations a token for each parameter; as many again for attention, and where a part has more than its share.
    return math.ceil(20 + 2 * 2 * tokens * weights / 4 / (GFLOPS * 1e9) / 60)
