"""The request that a call of the target `predict` makes by `--config`, which is no part of an experiment's settings."""

import difflib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitsweep.config.settings import GlueData, Settings
from bitsweep.data.glue import TASKS
from bitsweep.data.readers import check_columns, suffix_of
from bitsweep.data.records import Reading
from bitsweep.data.streaming import need_room, new_columns, open_table
from bitsweep.errors import UserError
from bitsweep.workflow.snakemake_internals import is_recorded, recorded_inputs

KEYS = ("input", "output", "mode")
TARGET = "predict"
CHECKED = 100


@dataclass(frozen=True)
class PredictRequest:
    """The user's table, the one to write, the columns of texts, and the mode, None for the best on validation."""

    input: str
    output: str
    columns: list[str]
    mode: str | None
    quoting: str | None = None


def split_config(config: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict, dict]:
    """Return a config without the request of `predict`, and that request; `given` is what `--config` gives.

    A workflow that has this one as a module may use such keys for something else, and keep them from it.
    """
    asked = {key: str(given[key]) for key in KEYS if key in given and key in config}
    return {key: value for key, value in config.items() if key not in asked}, asked


def check_targets(request: PredictRequest | None, targets: Collection[str]) -> None:
    """Raise UserError where a table is given to targets that predict nothing."""
    if request and not {TARGET, request.output} & set(targets):
        raise UserError(
            f"input is {request.input!r}, which only the target {TARGET} takes: call snakemake {TARGET}, or remove it."
        )


def check_names(request: PredictRequest) -> None:
    """Raise UserError for a path that would reach a cluster's jobs changed: Snakemake quotes it as Python does."""
    for key, path in (("input", request.input), ("output", request.output)):
        if "\\" in path or not path.isprintable() or ("'" in path and set('"$`') & set(path)):
            raise UserError(
                f"{key} is {path!r}, with characters that Snakemake changes on the way to a cluster's jobs "
                "(backslashes; with an apostrophe also $, ` and double quotes): rename the file or folder."
            )


def read_request(asked: dict[str, str], settings: Settings, results: str) -> PredictRequest:
    """Return what is asked of `predict`, checked. Raises UserError before anything runs."""
    if "input" not in asked:
        raise UserError(f"input is missing: call snakemake {TARGET} --cores N --config input=FILE.")
    given, modes = os.path.normpath(asked["input"]), settings.grid.mode
    refuse_braces("input", given)
    if not Path(given).exists():
        raise UserError(f"input is {given!r}, but there is no such file: correct the path.")
    if Path(given).is_dir():
        raise UserError(f"input is {given!r}, which is a folder: name a file.")
    mode = asked.get("mode")
    if mode is not None and mode not in modes:
        near = difflib.get_close_matches(mode, modes, n=1)
        hint = f"did you mean {near[0]}?" if near else f"set it to one of {', '.join(modes)}."
        raise UserError(f"mode is {mode!r}, which this experiment does not have: {hint}")
    columns = text_columns(settings)
    quoting = getattr(settings.data, "quoting", None)
    check_table(given, columns, settings.label_names, quoting)
    return PredictRequest(given, check_output(asked.get("output"), given, results), columns, mode, quoting)


def check_table(given: str, columns: list[str], label_names: list[str], quoting: str | None = None) -> None:
    """Raise UserError where the table lacks a column of texts, or has one that predictions are to be written to."""
    if Path(given).is_dir():
        raise UserError(f"input is {given!r}, a folder: name a table, whose rows are to be predicted.")
    table = open_table(given, Reading(quoting, labelled=False))
    # Mistakes in the first rows are reported before anything trains.
    next(table.chunks(CHECKED), None)
    # A file of JSON lines without any line has no columns, and nothing to predict.
    if table.columns:
        columns_of_keys = dict(zip(("text", "pair"), columns, strict=False))
        check_columns(table.columns, columns_of_keys, given, table.suffix)
    need_room(given, table.columns, new_columns(label_names))


def text_columns(settings: Settings) -> list[str]:
    """Return the columns of texts that a table to classify must have: one, or for pairs two."""
    if isinstance(settings.data, GlueData):
        return list(TASKS[settings.data.task].texts)
    return [settings.data.text, *filter(None, [settings.data.pair])]


def refuse_braces(key: str, path: str) -> None:
    if set("{}\n") & set(path):
        raise UserError(
            f"{key} is {path!r}, but Snakemake takes no braces or line breaks in a path: rename the file or folder."
        )


def check_output(output: str | None, given: str, results: str) -> str:
    """Return the path to write, once it is checked: Snakemake deletes an output before it makes it anew."""
    suffix = suffix_of(given)
    if output is None:
        name = Path(given).name
        output = f"{results}/predictions/{name[: -len(suffix)]}{suffix}"
    output = os.path.normpath(output)
    refuse_braces("output", output)
    if suffix_of(output) != suffix:
        raise UserError(f"output is {output!r}, but input is a {suffix} file: let output end in {suffix} too.")
    if Path(output).is_dir():
        raise UserError(f"output is {output!r}, which is a folder: name a file.")
    if Path(output).resolve() == Path(given).resolve():
        raise UserError(f"output is {output!r}, the input itself: name another file.")
    if Path(output).exists():
        if not is_recorded(output):
            raise UserError(
                f"output is {output!r}, which exists and was not made by {TARGET}: delete it, or name another."
            )
        # The inputs that are not the classifier's own files.
        inputs = [path for path in recorded_inputs(output) if not path.startswith(f"{results}/")]
        if inputs and not any(Path(path).resolve() == Path(given).resolve() for path in inputs):
            raise UserError(
                f"output is {output!r}, which has the predictions for another file, {inputs[0]!r}: name another "
                "output, or delete it."
            )
    return output
