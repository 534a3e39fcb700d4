"""The config that `make new` writes for a user's own table, with a grid that fits the time that there is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from bitsweep.data.table_survey import Survey
from bitsweep.number_format import spell_number

# The modes beside `full`: what trains, and why the learning rates differ. The head is for encoders without biases.
SMALL_MODES = {
    "bitfit": ("only the bias terms do", "BitFit needs larger learning rates."),
    "head": ("only the classifier on top of the encoder does", "The head alone needs larger learning rates."),
}
EPOCHS = 4
HELD_OUT = 0.2
# The grids from small to large: their batch sizes, and their number of learning rates.
GRIDS = [([32], 1), ([32], 2), ([16, 64], 2), ([8, 32, 128], 3)]
# The likeliest rates come first. BitFit moves less with each step and needs larger ones (Ben Zaken et al., 2022,
# section 4).
RATES = {
    "small": {"full": [3e-4, 1e-4, 1e-3], "bitfit": [3e-3, 1e-3, 1e-2], "head": [1e-2, 3e-3, 3e-2]},
    "large": {"full": [5e-5, 2e-5, 1e-4], "bitfit": [1e-3, 3e-4, 3e-3], "head": [3e-3, 1e-3, 1e-2]},
}
# The hidden size from which an encoder needs the smaller learning rates.
LARGE_HIDDEN = 384
# Fewer training rows are not worth a sweep.
MIN_ROWS = 200


@dataclass(frozen=True)
class Plan:
    """A grid of every mode, the rows that train (None for all), and the seconds that its sweep will take."""

    grids: dict[str, dict[str, list]]
    train_limit: int | None
    seconds: float


def grids_of(size: int, hidden: int, modes: list[str]) -> dict[str, dict[str, list]]:
    """Return the grids of the `size`-th of GRIDS for an encoder of a hidden size."""
    batch_sizes, rates = GRIDS[size]
    of_modes = RATES["large" if hidden >= LARGE_HIDDEN else "small"]
    return {mode: {"batch_size": batch_sizes, "learning_rate": sorted(of_modes[mode][:rates])} for mode in modes}


def choose_plan(
    sizes: dict[str, int], hidden: int, budget: float, seconds: Callable[[dict, dict], float], modes: list[str]
) -> Plan:
    """Return the largest grid whose sweep fits into `budget` seconds; if none does, the second smallest on fewer rows.

    `sizes` has the rows of each split; `seconds` returns how long a sweep takes, from its grids and such sizes.
    """
    for size in reversed(range(len(GRIDS))):
        grids = grids_of(size, hidden, modes)
        if (takes := seconds(grids, sizes)) <= budget:
            return Plan(grids, None, takes)
    grids, limit = grids_of(1, hidden, modes), sizes["train"]
    while limit > MIN_ROWS and seconds(grids, {**sizes, "train": limit}) > budget:
        limit = max(MIN_ROWS, limit * 3 // 4)
    limit = None if limit == sizes["train"] else limit
    return Plan(grids, limit, seconds(grids, {**sizes, "train": limit or sizes["train"]}))


def quote(text: str) -> str:
    """Return a text in quotes that YAML reads as that text, whatever is in it."""
    return yaml.safe_dump(text, allow_unicode=True, default_style='"', width=float("inf")).rstrip("\n")


def one_line(label: int | str) -> str:
    """Return a label on one line of printable characters, for a comment."""
    letters = (letter if letter.isprintable() else ascii(letter)[1:-1] for letter in " ".join(str(label).split()))
    return "".join(letters)


def name_for(path: str) -> str:
    """Return a name for an experiment, made from a file's name."""
    stem = Path(path).name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "mine"


def config_text(
    name: str, data: dict[str, str], survey: Survey, encoder: dict[str, str], max_length: int, cut: float, plan: Plan
) -> str:
    """Return the commented config.

    `data` has train, text, label and maybe pair, quoting and empty; `cut` is the share of texts that are cut.
    """
    counts = ", ".join(
        f"{one_line(survey.name(label))} ({count:,})" for label, count in list(survey.labels.items())[:20]
    )
    more = "" if len(survey.labels) <= 20 else f", and {len(survey.labels) - 20} more"
    names = ", ".join(quote(survey.name(label)) for label in survey.labels)
    values = ", ".join(str(label) if isinstance(label, int) else quote(label) for label in survey.labels)
    columns = "\n".join(f"  {key}: {quote(value)}" for key, value in data.items())
    source = "\n".join(f"  {key}: {quote(value)}" for key, value in encoder.items())
    rates = {mode: ", ".join(map(spell_number, grid["learning_rate"])) for mode, grid in plan.grids.items()}
    small = next(mode for mode in plan.grids if mode != "full")
    trains, why = SMALL_MODES[small]
    limit = "null" if plan.train_limit is None else str(plan.train_limit)
    return f"""# yaml-language-server: $schema=../config.schema.json
# Made by `make new` from {quote(data["train"])}: {survey.rows:,} rows. Every key is explained in config.yaml.

# Everything that this experiment makes goes to results/{name}/.
experiment: {quote(name)}

# Your file, and its columns. If you have official splits, name their files under validation and test.
data:
  source: files
{columns}
  # What stands in the label column for each of label_names: {counts}{more}.
  values: [{values}]

# How reports name the labels, in the order of data.values. Change them as you like: nothing is trained again.
label_names: [{names}]

# The share of your rows that is held out: half of it validates, half of it tests. Each split has all labels in the
# shares that your rows have.
split:
  held_out: {HELD_OUT}
  seed: 3463
  stratified: true

# Rows of each split at most; null is all.
limit:
  train: {limit}
  validation: null
  test: null

# The pretrained encoder.
encoder:
{source}

# Tokens of a text at most; longer texts are cut, here {100 * cut:.1f} % of all.
max_length: {max_length}

# Every combination is one run.
grid:
  # full: every parameter trains; {small}: {trains}. Others: docs/modes.md.
  mode: [{", ".join(plan.grids)}]
  batch_size: [{", ".join(map(str, plan.grids["full"]["batch_size"]))}]
  learning_rate: [{rates["full"]}]
  # With more seeds the report shows how much they matter: [1, 2, 3].
  seed: [42]

modes:
  # {why}
  {small}:
    learning_rate: [{rates[small]}]

# The score that selects: accuracy, macro_f1 (where some labels are rare) or matthews.
metric: {choose_metric(survey)}

training:
  epochs: {EPOCHS}
"""


def choose_metric(survey: Survey) -> str:
    """Return macro F1 where one label has over four times the rows of another: accuracy would hide the rare one."""
    return "macro_f1" if max(survey.labels.values()) > 4 * min(survey.labels.values()) else "accuracy"


def spell_seconds(seconds: float) -> str:
    """Return a time as people say it: in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
