"""The demands of a run, by the encoder's shape and the run's settings: seconds, memory, its share of a GPU.

The numbers are bounds for a cluster's scheduler, not forecasts; `benchmarks/demand.py` shows what runs really take.
"""

import contextlib
import json
import math
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bitsweep.config.settings import FolderEncoder, Settings
from bitsweep.model.shape import Shape, read_shape
from bitsweep.places import find_folder
from bitsweep.training.budgets import EVALUATION_TOKENS, TRAINING_TOKENS
from bitsweep.training.estimates import START_SECONDS, Speed, speed_of_shape

# Rows of a split where they are not known; of the validation split a fifth.
UNKNOWN_ROWS = 25_000
# A cluster's job of less work than this spends more than a tenth of its time on queueing, starting and being noticed.
JOB_SECONDS = 300.0
# The batch size by which time is estimated where the selection is yet to decide it.
USUAL_BATCH = 8


def find_shape(settings: Settings, prepared: str | Path) -> Shape:
    """Return the shape of the experiment's encoder, from its folder, or from the `prepared` one if it is on the Hub."""
    encoder = settings.encoder
    folder = find_folder(encoder.path) if isinstance(encoder, FolderEncoder) else Path(prepared)
    try:
        return read_shape(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError):
        return read_shape({})


class RunResources:
    """The demands of an experiment's runs; a run is given as its cell of the grid, as it stands in paths."""

    def __init__(
        self,
        settings: Settings,
        shape: Shape,
        rows: str | Path | None = None,
        rows_of: str = "",
        sources: Sequence[str] = (),
    ) -> None:
        """Store what the demands depend on.

        `rows` is the file with the sizes of the splits, once split_data has written it for what `rows_of` names.
        `sources` are the user's own files that the rows are from.
        """
        self.settings = settings
        self.shape = shape
        self.rows = rows and Path(rows)
        self.rows_of = rows_of
        self.sources = sources
        self.sizes: dict[str, int] = {}
        # How much longer runs take than predicted; None until one has been measured.
        self.measured: float | None = None

    def measure(self, runs: Iterable[tuple[Mapping[str, str], str | Path]], timed: str, enough: int = 20) -> None:
        """Compare the predicted times with those of finished runs, given as pairs of a run's cell and its costs.json.

        Only runs whose costs name `timed` count (see `rule_params.timed_key`): for the settings of others another time
        would be predicted. No more than `enough` runs are read.
        """
        ratios = []
        for run, path in runs:
            try:
                costs = json.loads(Path(path).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if costs.get("timed") == timed and costs["seconds"]:
                ratios.append(costs["seconds"] / self.predict_seconds(run))
            if len(ratios) == enough:
                break
        self.measured = statistics.median(ratios) if ratios else None

    def examples(self, split: str) -> int:
        """Return the rows that a split has: its limit, else its known size, else a guess."""
        if limit := getattr(self.settings.limit, split):
            return limit
        if not self.sizes and self.rows:
            with contextlib.suppress(OSError, ValueError, KeyError):
                sizes, counted = json.loads(self.rows.read_text(encoding="utf-8")), self.rows.stat().st_mtime
                # Sizes of other data, or of files that have changed since, do not count.
                if sizes["rows_of"] == self.rows_of and all(os.stat(file).st_mtime <= counted for file in self.sources):
                    self.sizes = sizes
        return self.sizes.get(split, UNKNOWN_ROWS // 5 if split == "validation" else UNKNOWN_ROWS)

    def speed(self) -> Speed:
        """Return the speed on the longest texts, on cores that do `estimates.GFLOPS`."""
        return speed_of_shape(self.shape, self.settings.max_length, self.settings.training.threads)

    def predict_seconds(self, run: Mapping[str, str]) -> float:
        """Return the seconds of a run's epochs as the encoder's shape predicts them."""
        size = run["batch_size"]
        return self.speed().training_seconds(
            int(size) if size.isdigit() else USUAL_BATCH,
            int(run.get("train_size") or self.examples("train")),
            self.examples("validation"),
            self.settings.training.epochs,
        )

    def seconds(self, run: Mapping[str, str]) -> float:
        """Return the seconds that a run is expected to take, start included."""
        return START_SECONDS + self.predict_seconds(run) * (self.measured or 1.0)

    def minutes(self, run: Mapping[str, str], attempt: int) -> int:
        """Return the minutes to ask for: a multiple of the expected time, doubled after each job that ran out of it."""
        room = 3 if self.measured else 6
        return math.ceil((60 + room * self.seconds(run)) / 60) * 2 ** (attempt - 1)

    def evaluation_minutes(self, runs: int, attempt: int) -> int:
        """Return the minutes to ask for to evaluate so many runs on the test split."""
        seconds = runs * self.examples("test") * self.speed().prediction
        return math.ceil((300 + 6 * seconds) / 60) * 2 ** (attempt - 1)

    def memory_mb(self, run: Mapping[str, str], attempt: int) -> int:
        """Return the memory to ask for, in MB of 10^6 bytes, doubled after each job that was killed for it."""
        return math.ceil(self.predict_memory_mb(run) * 1.1 / 100) * 100 * 2 ** (attempt - 1)

    def predict_memory_mb(self, run: Mapping[str, str]) -> float:
        """Return the MB of a run's process and of Snakemake's own that start it."""
        settings, shape = self.settings, self.shape
        size = run["batch_size"]
        parameters = shape.body + shape.embeddings + 512 * shape.hidden
        length = settings.max_length
        tokens = min(max(TRAINING_TOKENS, length), int(size) * length if size.isdigit() else TRAINING_TOKENS)
        # Parameters, gradients, two moments, the best epoch, and a copy of all in the number format of the products.
        state = 6 * 4 * parameters
        # The values that each layer stores for its gradient, in float32.
        activations = shape.layers * tokens * 4 * (6 * shape.hidden + shape.inner)
        # In evaluation only one layer's values are there at a time.
        evaluation = max(EVALUATION_TOKENS, length) * 4 * (6 * shape.hidden + 2 * shape.inner)
        # Libraries, kernels for every shape of batch, and Snakemake's own processes.
        return 1150 + (state + activations + evaluation) / 1e6

    def gpu_percent(self) -> int:
        """Return the percent of a GPU that a run gets: as many small encoders share one as together keep it busy."""
        return 100 // min(8, max(1, 40_000_000 // max(1, self.shape.body)))

    def runs_per_job(self, runs: Iterable[Mapping[str, str]], at_once: int) -> int:
        """Return how many runs a cluster's job gets, `at_once` of them side by side: enough for JOB_SECONDS of work."""
        runs = list(runs)
        mean = statistics.fmean(map(self.seconds, runs))
        return min(len(runs), max(1, math.ceil(JOB_SECONDS / mean)) * max(1, at_once))
