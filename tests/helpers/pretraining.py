"""A small pretraining: its config, texts and windows."""

import numpy as np
import torch
from tokenizers import Tokenizer

from bitsweep.data.tokens import Tokens
from bitsweep.pretraining.windows import tokenize
from tests.helpers.workspace import ROOT

SMALL = {
    "model": "models/mine",
    "corpus": [{"source": "files", "path": "texts.csv", "text": "review"}, {"source": "files", "path": "more.txt"}],
    "teacher": {"source": "folder", "path": "models/bert-tiny"},
    "student": {"layers": 1, "hidden_size": 32, "heads": 2, "intermediate_size": 64, "positions": 64},
    "language": "en",
    "epochs": 2,
    "threads": 1,
}


def reviews(count: int) -> list[str]:
    """Texts of two kinds in turn, each of 60 words or so."""
    draw = np.random.default_rng(0)
    kinds = [["ship", "sail", "sea", "storm", "wave", "harbour"], ["king", "queen", "crown", "war", "sword", "castle"]]
    shared = ["the", "a", "of", "and", "to", "in", "it", "was", "film"]
    return [" ".join(draw.choice(kinds[number % 2] + shared, 60)) for number in range(count)]


def make_windows(texts: list[str], positions: int = 64) -> Tokens:
    windows, owners = tokenize(Tokenizer.from_file(str(ROOT / "models/bert-tiny/tokenizer.json")), texts, positions)
    offsets = np.concatenate([[0], np.cumsum([len(window.ids) for window in windows])])
    ids = torch.from_numpy(np.concatenate([window.ids for window in windows]))
    return Tokens(ids, torch.zeros_like(ids), offsets, torch.tensor(owners))
