"""Writes a config for your own table: asks five questions, or takes their answers as flags.

make new FILE=mine.csv TEXT=review LABEL=stars does the same. A few training steps tell how long a sweep will take.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from pydantic import TypeAdapter, ValidationError

from bitsweep.config.load import load_settings
from bitsweep.config.new_config import (
    EPOCHS,
    HELD_OUT,
    MIN_ROWS,
    Plan,
    choose_plan,
    config_text,
    name_for,
    spell_seconds,
)
from bitsweep.config.settings import HubName, Place
from bitsweep.data.splits import split_rows
from bitsweep.data.streaming import need_columns, open_table
from bitsweep.data.table_survey import Survey, choose_max_length, look_at, suggest_columns
from bitsweep.errors import UserError
from bitsweep.files import read_json, whole_file
from bitsweep.jobs.entry import run
from bitsweep.model.encoder_files import check_max_length
from bitsweep.workflow.resources import read_shape

FLAGS = {"file": "FILE", "text": "TEXT", "label": "LABEL"}
DEFAULTS = {"encoder": "models/bert-tiny", "minutes": 10.0}


def ask(number: int, question: str, default: str | None, check: Callable[[str], object]) -> str:
    """The answer, once there is one that `check` takes: what is wrong with another is told, and it is asked again."""
    shown = f" [{default}]" if default else ""
    while True:
        answer = input(f"{number}. {question}{shown} ").strip() or default or ""
        try:
            if answer:
                check(answer)
                return answer
        except UserError as error:
            print(error)


def ask_all(arguments: argparse.Namespace) -> None:
    """Fills in what was not given: by questions at a terminal, else by defaults, where there are any."""
    if not sys.stdin.isatty():
        missing = [flag for flag in FLAGS if not getattr(arguments, flag)]
        if missing:
            raise UserError(
                f"--{missing[0]} is missing, and there is no terminal to ask at: call make new FILE=mine.csv "
                "TEXT=column LABEL=column, or python -m scripts.new_config --file mine.csv --text column --label "
                "column."
            )
        arguments.encoder = arguments.encoder or DEFAULTS["encoder"]
        arguments.minutes = arguments.minutes or DEFAULTS["minutes"]
        return
    try:
        arguments.file = arguments.file or ask(1, "Which file has your labelled texts?", None, check_file)
        check_name(arguments)
        text, label = suggest_columns(arguments.file)

        def check_column(column: str) -> None:
            need_columns(open_table(arguments.file), [column])
            if column == arguments.text:
                raise UserError(f"Column {column!r} has the texts: name another one.")

        arguments.text = arguments.text or ask(2, "Which column has the texts?", text, check_column)
        arguments.label = arguments.label or ask(3, "Which column has the labels?", label, check_column)
        encoder = "Which encoder (a folder, or a name on the Hugging Face Hub)?"
        arguments.encoder = arguments.encoder or ask(4, encoder, DEFAULTS["encoder"], check_encoder)
        if arguments.minutes is None:
            minutes = "How many minutes may the sweep take on this machine?"
            arguments.minutes = parse_minutes(ask(5, minutes, f"{DEFAULTS['minutes']:g}", parse_minutes))
    except (EOFError, KeyboardInterrupt):
        raise UserError("The answers ended before the questions did: nothing was written.") from None


def parse_minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise UserError(f"--minutes is {text!r}: give a number greater than 0.")
    return minutes


def config_takes(kind: object, text: str) -> bool:
    """Whether a text is of a kind of the config's."""
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


def check_encoder(name: str) -> None:
    """Raises UserError for what is neither a folder nor a name on the Hub."""
    # Unlike `Path.is_dir`, this is no error for what no file system can name.
    if os.path.isdir(name):
        return
    if os.path.isdir(os.path.dirname(name)):
        raise UserError(f"--encoder is {name!r}, but there is no such folder: correct the path.")
    if not config_takes(HubName, name):
        raise UserError(f"--encoder is {name!r}, neither a folder here nor a name on the Hub: correct it.")


@contextmanager
def prepared_encoder(name: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A prepared encoder's folder for the length of the block, and its section of the config."""
    # Whole, before anything imports parts of it: what loads a model needs tensors without data.
    import torch  # noqa: F401
    from transformers.utils import logging

    from bitsweep.model.encoder import prepare_encoder

    # That the head is drawn anew is meant, and nothing to tell.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        if Path(name).is_dir():
            prepare_encoder(name, name, folder)
            yield Path(folder), {"source": "folder", "path": name}
            return
        from huggingface_hub import HfApi

        from bitsweep.data.hub import hub_errors, patiently
        from bitsweep.model.hub_encoder import downloaded_encoder

        with hub_errors("encoder", name, "main"):
            revision = patiently(HfApi().model_info, name).sha
        with downloaded_encoder(name, revision) as source:
            prepare_encoder(source, name, folder)
        yield Path(folder), {"source": "hub", "name": name, "revision": revision}


def check_file(file: str) -> None:
    """Raises UserError for a path that no config can name, and for a file that cannot be read."""
    if set("{}") & set(file):
        raise UserError(f"--file is {file!r}, but Snakemake keeps braces to itself: rename the file or folder.")
    if not config_takes(Place, file):
        raise UserError(f"--file is {file!r}, a name with control characters or no UTF-8: rename the file or folder.")
    open_table(file)


def check_name(arguments: argparse.Namespace) -> str:
    """The experiment's name: the one that is given, or the file's. Raises UserError where its config exists."""
    name = arguments.name or name_for(arguments.file)
    if name != name_for(name):
        raise UserError(f"--name is {name!r}: use letters, digits, dashes and underscores.")
    if len(name) > 100:
        raise UserError(f"The name {name} has {len(name)} characters: give one of at most 100 by --name.")
    if Path("configs", f"{name}.yaml").exists():
        raise UserError(f"configs/{name}.yaml exists: delete it, or give another --name (EXPERIMENT=... for make).")
    return name


def split_sizes(survey: Survey, file: str) -> dict[str, int]:
    """The rows of each split that the sweep will make. Raises UserError where one would lack a label."""
    labels = np.repeat(range(len(survey.labels)), list(survey.labels.values()))
    try:
        parts = split_rows(pd.DataFrame({"text": "", "label": labels}), {}, HELD_OUT, 0, stratified=True)
    except UserError:
        rare = min(survey.labels, key=survey.labels.get)
        raise UserError(
            f"{file} has {survey.rows:,} rows of {len(survey.labels)} labels, {survey.labels[rare]:,} of them with "
            f"label {rare!r}, too few to train, validate and test on every label: add rows (ten of each label do), or "
            "remove those of rare labels."
        ) from None
    return dict(zip(("train", "validation", "test"), map(len, parts), strict=True))


def tell(survey: Survey, file: str) -> None:
    """Says what was found in the table."""
    print(f"{file}: {survey.rows:,} rows, {len(survey.labels)} labels.")
    for label, count in list(survey.labels.items())[:20]:
        print(f"  {label}: {count:,}")
    if survey.empty:
        print(f"Note: {survey.empty} rows have no text: remove them, or the sweep will stop at them.")


def fit(
    survey: Survey, splits: dict[str, int], encoder: Path, minutes: float, cores: int
) -> tuple[int, float, Plan, int]:
    """The maximal length, the share of texts that it cuts, the plan that fits the time, and its bytes on the disk."""
    from bitsweep.data.tokenizer import encode, load_tokenizer
    from bitsweep.training.speed import disk_bytes, fitting_modes, measure, sweep_seconds

    def fits(length: int) -> bool:
        try:
            check_max_length(encoder / "config.json", length)
        except UserError:
            return False
        return True

    def seconds(grids: dict, sizes: dict) -> float:
        return sweep_seconds(speeds, grids, sizes, EPOCHS, cores)

    lengths = np.array([len(encoding.ids) for encoding in encode(load_tokenizer(encoder, 10**6), survey.texts)])
    max_length = choose_max_length(lengths, fits)
    cut = float((lengths > max_length).mean())
    print(
        f"Texts have {np.median(lengths):.0f} tokens in the median, the longest of {len(lengths):,} has "
        f"{lengths.max():,}: max_length {max_length} cuts {100 * cut:.1f} %."
    )
    print("Measuring a few training steps ...", flush=True)
    encodings = encode(load_tokenizer(encoder, max_length), survey.texts)
    modes = fitting_modes(encoder, len(survey.labels))
    speeds = measure(encoder, encodings, len(survey.labels), modes)
    hidden = read_shape(read_json(encoder / "config.json")).hidden
    plan = choose_plan(splits, hidden, 60 * minutes, seconds, modes)
    return max_length, cut, plan, disk_bytes(speeds, plan.grids, encoder, survey, lengths.clip(max=max_length), cores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", help="CSV, TSV, JSON lines or Parquet file of labelled texts")
    parser.add_argument("--text", help="its column of texts")
    parser.add_argument("--label", help="its column of labels")
    parser.add_argument("--pair", help="its column of second texts, where texts come in pairs")
    parser.add_argument("--encoder", help="folder or Hub name of the encoder (models/bert-tiny)")
    parser.add_argument("--minutes", type=parse_minutes, help="minutes that the sweep may take here (10)")
    parser.add_argument("--name", help="name of the experiment and its config (the file's)")
    arguments = parser.parse_args()
    ask_all(arguments)
    check_file(arguments.file)
    check_encoder(arguments.encoder)
    survey = look_at(arguments.file, arguments.text, arguments.label, arguments.pair)
    tell(survey, arguments.file)
    splits = split_sizes(survey, arguments.file)
    if survey.rows < MIN_ROWS:
        train, validation, test = splits.values()
        print(f"Note: of so few rows {train} train, {validation} validate and {test} test: scores are rough.")
    # Last, so that a config of before hides nothing that is wrong with the table.
    name, cores = check_name(arguments), os.cpu_count() or 1
    with prepared_encoder(arguments.encoder) as (folder, encoder):
        max_length, cut, plan, disk = fit(survey, splits, folder, arguments.minutes, cores)
    data = {"train": arguments.file, "text": arguments.text, "label": arguments.label}
    data |= {"pair": arguments.pair} if arguments.pair else {}
    target, text = Path("configs", f"{name}.yaml"), config_text(name, data, survey, encoder, max_length, cut, plan)
    # What the sweep would refuse is told at once.
    load_settings(yaml.safe_load(text))
    with whole_file(target, lasting=False) as part:
        part.write_text(text, encoding="utf-8")
    runs = sum(len(grid["batch_size"]) * len(grid["learning_rate"]) for grid in plan.grids.values())
    used = f"{plan.train_limit:,} of its rows train (limit.train)" if plan.train_limit else "all rows are used"
    print(f"Wrote {target}: {runs} runs, {used}.")
    print(
        f"On {cores} cores here: some {spell_seconds(plan.seconds)}, and up to {disk / 1e6:,.0f} MB in results/{name}/."
    )
    # Of the last minute, by the system: this program's own steps are among them.
    if (busy := min(os.getloadavg()[0] - 1, cores)) > 0.5:
        print(f"Other programs keep {busy:.1f} of the cores busy: while they do, it takes longer.")
    if plan.seconds > 60 * arguments.minutes:
        print(f"That is more than {arguments.minutes:g} minutes: lower limit.train, max_length or epochs in it.")
    print(f"Next: .venv/bin/snakemake --cores all --configfile {target}")


if __name__ == "__main__":
    run(main)
