"""Write a config for your own table: ask five questions, or take their answers as flags.

make new FILE=mine.csv TEXT=review LABEL=stars does the same. A few training steps show how long a sweep will take.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from bitsweep.config.load import load_settings
from bitsweep.config.new_config import (
    EPOCHS,
    MIN_ROWS,
    Plan,
    choose_plan,
    config_text,
    spell_seconds,
)
from bitsweep.config.questions import ask, check_encoder, check_file, check_name, parse_minutes, split_sizes
from bitsweep.data.streaming import need_columns, open_table
from bitsweep.data.table_survey import Survey, choose_max_length, look_at, suggest_columns
from bitsweep.errors import UserError
from bitsweep.files import MODEL_WEIGHTS, read_json, whole_file
from bitsweep.jobs.entry import run
from bitsweep.model.encoder_files import check_max_length
from bitsweep.model.shape import read_shape

FLAGS = {"file": "FILE", "text": "TEXT", "label": "LABEL"}
DEFAULTS = {"encoder": "models/bert-tiny", "minutes": 10.0}


def ask_all(arguments: argparse.Namespace) -> None:
    """Fill in what was not given: by questions at a terminal, else by defaults, where there are any."""
    if arguments.file and Path(arguments.file).is_dir():
        # A folder's columns have these names.
        arguments.text, arguments.label = arguments.text or "text", arguments.label or "label"
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
        check_name(arguments.name, arguments.file)
        if Path(arguments.file).is_dir():
            arguments.text, arguments.label = "text", "label"
        text, label = suggest_columns(arguments.file)

        def check_column(key: str, column: str) -> None:
            need_columns(open_table(arguments.file), {key: column}, "--")
            if key == "label" and column == arguments.text:
                raise UserError(f"Column {column!r} has the texts: name another one.")

        arguments.text = arguments.text or ask(2, "Which column has the texts?", text, partial(check_column, "text"))
        arguments.label = arguments.label or ask(
            3, "Which column has the labels?", label, partial(check_column, "label")
        )
        encoder = "Which encoder (a folder, or a name on the Hugging Face Hub)?"
        arguments.encoder = arguments.encoder or ask(4, encoder, DEFAULTS["encoder"], check_encoder)
        if arguments.minutes is None:
            minutes = "How many minutes may the sweep take on this machine?"
            arguments.minutes = parse_minutes(ask(5, minutes, f"{DEFAULTS['minutes']:g}", parse_minutes))
    except (EOFError, KeyboardInterrupt):
        raise UserError("Not all questions were answered, so nothing was written: call again.") from None


@contextmanager
def prepared_encoder(name: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a prepared encoder's folder, which lasts as long as the block, and its section of the config."""
    # Import all of torch before anything imports parts of it: loading a model needs tensors without data.
    import torch  # noqa: F401
    from transformers.utils import logging

    from bitsweep.model.encoder import prepare_encoder

    # Otherwise transformers would warn that the head is drawn anew, which is intended.
    logging.set_verbosity_error()
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


def print_survey(survey: Survey, file: str) -> None:
    """Print what was found in the table."""
    print(f"{file}: {survey.rows:,} rows, {len(survey.labels)} labels.")
    for label, count in list(survey.labels.items())[:20]:
        print(f"  {survey.name(label)}: {count:,}")
    for note in survey.notes:
        print(f"Note: {note}")
    if survey.empty:
        print(f"Note: {survey.empty:,} row(s) without a text or a label will be left out (data.empty: drop).")


def fit(
    survey: Survey, splits: dict[str, int], encoder: Path, minutes: float, cores: int
) -> tuple[int, float, Plan, int]:
    """Return the maximal length, the share of texts that it cuts, a plan that fits the time, and its bytes on disk."""
    from bitsweep.data.readability import check_readable, count_unread, print_unread
    from bitsweep.data.tokenizer import encode, load_tokenizer
    from bitsweep.training.estimates import disk_bytes, sweep_seconds
    from bitsweep.training.measured_speed import fitting_modes, measure

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
        f"The median text has {np.median(lengths):.0f} tokens, the longest of {len(lengths):,} has {lengths.max():,}: "
        f"max_length {max_length} cuts {100 * cut:.1f} % of them."
    )
    tokenizer = load_tokenizer(encoder, max_length)
    encodings = encode(tokenizer, survey.texts)
    found, whose = count_unread(tokenizer, survey.texts, encodings), f"the {len(lengths):,} texts"
    check_readable(
        found, whose, message="name an --encoder that knows their language and signs, such as a multilingual one"
    )
    print_unread(found, whose)
    print("Measuring a few training steps ...", flush=True)
    modes = fitting_modes(encoder, len(survey.labels))
    speeds, stored = measure(encoder, encodings, len(survey.labels), modes)
    hidden = read_shape(read_json(encoder / "config.json")).hidden
    plan = choose_plan(splits, hidden, 60 * minutes, seconds, modes)
    row = np.mean([len("".join(parts).encode()) for parts in survey.texts])
    weights = (encoder / MODEL_WEIGHTS).stat().st_size
    tokens = lengths.clip(max=max_length).mean()
    return max_length, cut, plan, disk_bytes(stored, plan.grids, weights, survey.rows, row, tokens, cores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", help="CSV, TSV, JSON lines or Parquet file of labelled texts")
    parser.add_argument("--text", help="its column of texts")
    parser.add_argument("--label", help="its column of labels")
    parser.add_argument("--pair", help="its column of second texts, for pairs of texts")
    parser.add_argument(
        "--quoting", choices=["standard", "none"], help="none where quotes in CSV and TSV are part of the texts"
    )
    parser.add_argument("--encoder", help="folder or Hub name of the encoder (default: models/bert-tiny)")
    parser.add_argument("--minutes", type=parse_minutes, help="minutes that the sweep may take here (default: 10)")
    parser.add_argument("--name", help="name of the experiment and its config (default: the file's)")
    arguments = parser.parse_args()
    ask_all(arguments)
    check_file(arguments.file)
    check_encoder(arguments.encoder)
    survey = look_at(arguments.file, arguments.text, arguments.label, arguments.pair, arguments.quoting)
    print_survey(survey, arguments.file)
    splits = split_sizes(survey, arguments.file)
    if survey.rows < MIN_ROWS:
        train, validation, test = splits.values()
        print(f"Note: of so few rows, {train} train, {validation} validate and {test} test, so scores will be rough.")
    # This check comes last, so that an existing config does not hide a mistake in the table.
    name, cores = check_name(arguments.name, arguments.file), os.cpu_count() or 1
    with prepared_encoder(arguments.encoder) as (folder, encoder):
        max_length, cut, plan, disk = fit(survey, splits, folder, arguments.minutes, cores)
    data = {"train": arguments.file, "text": arguments.text, "label": arguments.label}
    data |= {"pair": arguments.pair} if arguments.pair else {}
    data |= {"quoting": arguments.quoting} if arguments.quoting else {}
    data |= {"empty": "drop"} if survey.empty else {}
    target, text = Path("configs", f"{name}.yaml"), config_text(name, data, survey, encoder, max_length, cut, plan)
    # Whatever the sweep would refuse is reported at once.
    load_settings(yaml.safe_load(text))
    with whole_file(target, lasting=False) as part:
        part.write_text(text, encoding="utf-8")
    runs = sum(len(grid["batch_size"]) * len(grid["learning_rate"]) for grid in plan.grids.values())
    used = f"{plan.train_limit:,} of its rows train (limit.train)" if plan.train_limit else "all rows are used"
    print(f"Wrote {target}: {runs} runs, {used}.")
    print(
        f"On {cores} cores here it takes some {spell_seconds(plan.seconds)}, and up to {disk / 1e6:,.0f} MB in "
        f"results/{name}/."
    )
    # The system's load of the last minute, without the one core that this program's own steps keep busy.
    if (busy := min(os.getloadavg()[0] - 1, cores)) > 0.5:
        print(f"Other programs keep {busy:.1f} of the cores busy: meanwhile the sweep takes longer.")
    if plan.seconds > 60 * arguments.minutes:
        print(f"That is more than {arguments.minutes:g} minutes: lower limit.train, max_length or epochs there.")
    print(f"Next: .venv/bin/snakemake --cores all --configfile {target}")


if __name__ == "__main__":
    run(main)
