"""Recipes and tokens of a few texts to train on."""

import numpy as np
import torch

from bitsweep.data.tokens import Tokens
from bitsweep.model.modes import BUILT_IN
from bitsweep.training.machine import Machine
from bitsweep.training.recipe import Recipe


def make_tokens(count: int, longest: int = 40, seed: int = 0) -> Tokens:
    """Random texts of unequal length; the label can be read off the second token."""
    random = np.random.default_rng(seed)
    lengths = random.integers(4, longest + 1, count)
    labels = random.integers(0, 2, count)
    texts = [np.concatenate([[101, 2000 + label], random.integers(1996, 9000, length - 3), [102]])
             for label, length in zip(labels, lengths, strict=True)]  # fmt: skip
    ids = torch.tensor(np.concatenate(texts), dtype=torch.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Tokens(ids, torch.zeros_like(ids), offsets, torch.tensor(labels))


# In full precision, on one thread.
PLAIN = Machine("float32", "cpu", 1)


def make_recipe(mode: str = "full", **changes) -> Recipe:
    recipe = {
        "mode": BUILT_IN[mode],
        "batch_size": 8,
        "learning_rate": 1e-3,
        "seed": 1,
        "train_size": None,
        "metric": "accuracy",
        "epochs": 2,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
    }
    return Recipe(**{**recipe, **changes})
