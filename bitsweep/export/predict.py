"""Labels and calibrated probabilities for the rows of a user's table, a chunk at a time."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from bitsweep.data.records import Reading, doubtful_spans
from bitsweep.data.streaming import FolderTable, as_texts, need_columns, need_room, new_columns, open_table
from bitsweep.data.tokenizer import load_tokenizer
from bitsweep.data.tokens import to_tokens
from bitsweep.errors import UserError
from bitsweep.export.saved_classifier import load_exported
from bitsweep.files import read_json, whole_file
from bitsweep.training.batches import predict
from bitsweep.training.machine import Machine

# So many rows are in memory at a time: enough of them to form batches of like lengths.
CHUNK = 4096
DIGITS = 6


class Predictor:
    """The classifier of an exported folder with its tokenizer and its temperature."""

    def __init__(self, folder: Path, device: str, threads: int) -> None:
        self.folder = folder
        # Users of the folder compute in float32 too.
        self.machine = Machine("float32", device, threads)
        names = read_json(folder / "config.json")["id2label"]
        self.label_names = [names[str(label)] for label in range(len(names))]
        self.temperature = read_json(folder / "calibration.json")["temperature"]

    # These are loaded for the first rows to predict, so that what is wrong with a table is told without this wait.
    @cached_property
    def model(self) -> torch.nn.Module:
        return load_exported(self.folder, self.machine)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.folder, read_json(self.folder / "tokenizer_config.json")["model_max_length"])

    def probabilities(self, texts: list[str] | list[tuple[str, str]]) -> np.ndarray:
        """Return the calibrated probabilities of texts or pairs: shape (n, labels), with n at least 1."""
        logits = predict(self.model, to_tokens(self.tokenizer.encode_batch(texts)), self.machine)
        return (logits.double() / self.temperature).softmax(-1).numpy()

    def columns(self, texts: list[list[str]]) -> dict[str, list]:
        """Return the columns to add to some rows: the predicted label's name, and the probability of each label.

        `texts` has the rows' texts by column.
        """
        found = self.probabilities(list(zip(*texts, strict=True)) if len(texts) > 1 else texts[0])
        names = [self.label_names[label] for label in found.argmax(1)]
        return dict(zip(new_columns(self.label_names), [names, *found.T.round(DIGITS).tolist()], strict=True))


def predict_table(
    source: str,
    target: str,
    columns: list[str],
    predictor: Predictor,
    log: Callable[[str], None] = print,
    quoting: str | None = None,
) -> None:
    """Write the table `source` with predictions to `target`, whole or not at all, with its rows in their order.

    A row without a text is predicted as well, from nothing; the log counts such rows.
    `quoting` is the config's.
    """
    reading = Reading(quoting, labelled=False)
    table, rows, empty = open_table(source, reading), 0, 0
    if isinstance(table, FolderTable):
        raise UserError(f"{source} is a folder: name a table, whose rows are to be predicted.")
    added = new_columns(predictor.label_names)
    # A file of JSON lines that is empty has no columns, and nothing to predict.
    if table.columns:
        columns = list(need_columns(table, dict(zip(("text", "pair"), columns, strict=False)), "data.").values())
        need_room(source, table.columns, added)
    # The file is the user's, so no checksum of it is stored.
    with whole_file(target, lasting=False) as part, table.writer(part, added) as write:
        for chunk, places in table.chunks(CHUNK):
            texts = [as_texts(table.values(chunk, column), places) for column in columns]
            write(chunk, predictor.columns(texts))
            rows += len(places)
            empty += sum(not any(text.strip() for text in row) for row in zip(*texts, strict=True))
            log(f"{rows} rows predicted")
    for note in doubtful_spans(reading, source):
        log(f"Note: {note}")
    if empty:
        log(f"Warning: {empty} of {rows} rows have no text; their labels are predicted from nothing.")
