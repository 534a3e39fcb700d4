"""A trial of an encoder in a mode, so that what would fail in every run is found once, before any run trains."""

import math
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bitsweep.data.tokenizer import encode, load_tokenizer
from bitsweep.data.tokens import Tokens, load_tokens, save_tokens
from bitsweep.errors import UserError, in_short
from bitsweep.files import read_json
from bitsweep.model.classifier import build_classifier
from bitsweep.model.modes import adapt, freeze
from bitsweep.training.batches import BatchGradient, forward, predict, prepare
from bitsweep.training.machine import Machine

# Padding beside a text may change its logits by at most this share of the largest one. Rounding changes them by 1e-6.
TOLERANCE = 1e-3
# A length that every encoder reads.
SHORT = 8


def sample_tokens(encoder: Path, labels: int, max_length: int) -> Tokens:
    """Return the tokens of a few texts: of an empty one, of short ones, and of one with `max_length` tokens."""
    texts = ["", "A short text.", "Another, which is a little longer than that.", "word, " * max_length]
    encodings = encode(load_tokenizer(encoder, max_length), texts)
    with tempfile.TemporaryDirectory() as folder:
        save_tokens(Path(folder) / "tokens", encodings, [index % labels for index in range(len(texts))])
        return load_tokens(Path(folder) / "tokens")


def check_mode(encoder: Path, labels: int, mode: dict, max_length: int, precision: str) -> int:
    """Try a mode on the CPU: a forward pass, a backward pass and a prediction. Return how many parameters train.

    Raises UserError where the mode does not fit the encoder, and for anything else that goes wrong.
    """
    try:
        return check_once(encoder, labels, mode, max_length, precision)
    except UserError:
        raise
    # An architecture's own code may raise anything.
    except Exception as error:
        raise UserError(
            f"an encoder of model_type {read_json(encoder / 'config.json')['model_type']!r} fails in training "
            f"({in_short(error)}): {find_remedy(encoder, labels, mode, max_length, precision)}."
        ) from error


def find_remedy(encoder: Path, labels: int, mode: dict, max_length: int, precision: str) -> str:
    """Return a remedy for a failed trial; a change of a setting is named only where the trial passes with it."""
    remedies = {
        "set training.precision to float32": (max_length, "float32") if precision != "float32" else None,
        "lower max_length": (min(max_length, SHORT), precision) if max_length > SHORT else None,
    }
    for remedy, changed in remedies.items():
        with suppress(Exception):
            if changed and check_once(encoder, labels, mode, *changed):
                return f"{remedy}, or take another encoder"
    return "take another encoder"


def check_once(encoder: Path, labels: int, mode: dict, max_length: int, precision: str) -> int:
    """Try a mode as `check_mode` says, and compare with transformers' own attention; raise whatever goes wrong."""
    machine = Machine(precision, "cpu", threads=1)
    torch.set_num_threads(1)
    tokens = sample_tokens(encoder, labels, max_length)
    model = build_classifier(encoder, labels, seed=0)
    rows, largest = model.get_input_embeddings().weight.shape[0], int(tokens.input_ids.max())
    if largest >= rows:
        raise UserError(
            f"the encoder's tokenizer gives token {largest}, and there are embeddings for only {rows} tokens: take an "
            "encoder whose tokenizer fits."
        )
    adapt(model, mode, seed=0)
    exact, short = replace(machine, precision="float32"), range(len(tokens) - 1)
    model.eval()
    with torch.inference_mode():
        padding = model.config.pad_token_id or 0
        alone = torch.cat([forward(model, tokens.padded(np.array([index]), padding), exact) for index in short])
    noise = prepare(model, machine)
    trained = freeze(model, mode, seed=0)
    gradients = [*trained.tensors.values(), *(sample.parameter for sample in trained.samples)]
    for parameter in gradients:
        parameter.grad = torch.zeros_like(parameter)
    model.train()
    loss = BatchGradient(model, tokens, machine, noise).add(np.arange(len(tokens)), 0, "dropout").item()
    if not math.isfinite(loss):
        raise UserError(f"the loss of the untrained classifier is {loss}: take an encoder with undamaged weights.")
    predict(model, tokens, machine)
    together = predict(model, tokens.subset(np.array(short)), exact)
    if (together - alone).abs().max() > TOLERANCE * alone.abs().max():
        raise UserError(
            f"an encoder of model_type {model.config.model_type!r} changes its answer when a text is padded to the "
            "length of others, as it is in batches: take another encoder."
        )
    if not any(parameter.grad.any() for parameter in gradients):
        raise UserError("what the mode trains has no effect on the encoder's answers: remove the mode from grid.mode.")
    return trained.count
