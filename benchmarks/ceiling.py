"""The ceiling of a training run: the operations that it needs, and the rate at which one core multiplies matrices.

Counted are the matrix products of a BERT encoder and its head for the real tokens of every text, padding left out; a
multiplication and an addition are two operations. For a text of n tokens, hidden size h, intermediate size f, l layers
and c classes, forward:

    linear    = l n (8 h^2 + 4 h f) + 2 h^2 + 2 h c     query, key, value, output; feed-forward; pooler; classifier
    attention = l 4 n^2 h                               scores, and their products with the values

Backward, a product has two gradients of its own size. `full` takes both everywhere: 3 linear + 3 attention. `bitfit`
needs no gradient of a weight, but gradients of all activations, down to the bias of the embeddings' normalization:
2 linear + 3 attention. Embeddings are looked up, not multiplied. Element-wise operations, dropout and the optimizer are
left out: they are part of what keeps a run from its ceiling.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from bitsweep.data.tokens import load_tokens
from bitsweep.training.precision import product_rate, product_seconds


def forward_operations(lengths: np.ndarray, config: dict, labels: int) -> tuple[float, float]:
    """Return the operations of linear layers and of attention in one forward pass over texts of `lengths` tokens."""
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    lengths = lengths.astype(float)
    per_token = layers * (8 * hidden**2 + 4 * hidden * inner)
    linear = per_token * lengths.sum() + (2 * hidden**2 + 2 * hidden * labels) * len(lengths)
    return linear, layers * 4 * hidden * (lengths**2).sum()


def operations_per_token(lengths: np.ndarray, config: dict, labels: int) -> dict[str, float]:
    """Return by mode the operations that one epoch of training needs, forward and backward, for each of its tokens."""
    linear, attention = forward_operations(lengths, config, labels)
    tokens = float(lengths.sum())
    return {"full": 3 * (linear + attention) / tokens, "bitfit": (2 * linear + 3 * attention) / tokens}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", required=True, help="tokenized training split")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the encoder")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--precision", required=True, help="number format of the runs: float32 or bfloat16")
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lengths = load_tokens(arguments.tokens).lengths
    config = json.loads((arguments.encoder / "config.json").read_text())
    result = {
        "gflops": product_rate(product_seconds([getattr(torch, arguments.precision)])[0]),
        "operations_per_token": operations_per_token(lengths, config, arguments.labels),
        "mean_tokens": float(lengths.mean()),
    }
    arguments.output.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
