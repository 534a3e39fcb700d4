"""The targets of a student: the teacher's hidden states and vectors, and the codes of the texts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from bitsweep.pretraining.principal_components import whitening
from bitsweep.pretraining.projection_pursuit import two_humped
from bitsweep.seeding import generator

# The pooler's units mix POOLED directions of a text's code. The direction that divides the texts into two groups weighs
# DIVIDING times as much as each other one, and the mixtures are multiplied by MIXTURE before tanh.
POOLED, DIVIDING, MIXTURE = 32, 5.0, 0.8


@dataclass(frozen=True)
class Targets:
    """The targets of the encoder: `tokens` float16 (all tokens, size), `vectors` float32 (windows, size), whitened.

    `codes` float32 (texts, directions), scaled by their weight; `mixtures` float32 (texts, hidden size), the pooler's
    targets; `coded` bool (texts,), those that have a code.
    """

    tokens: torch.Tensor
    vectors: torch.Tensor
    codes: torch.Tensor
    mixtures: torch.Tensor
    coded: torch.Tensor


def whitened(vectors: torch.Tensor, size: int) -> torch.Tensor:
    """Return rows on their `size` leading principal components, each of standard deviation 1; float32."""
    centred = vectors.double() - vectors.double().mean(0)
    return (centred @ whitening(centred.T @ centred / len(centred), size)).float()


def pooler_targets(codes: torch.Tensor, coded: torch.Tensor, size: int, seed: int) -> torch.Tensor:
    """Return for each of `size` units of the pooler a random mixture of the codes' leading directions: (texts, size).

    The directions are turned so that the first is the one along which the `coded` texts fall into two groups.
    """
    leading = codes[:, :POOLED].double().numpy()
    dividing = two_humped(leading[coded.numpy()], seed)
    turned = leading @ np.column_stack([dividing, np.linalg.svd(dividing[:, None])[0][:, 1:]])
    weights = np.where(np.arange(len(dividing)) == 0, DIVIDING, 1.0)
    drawn = generator(seed, "mixtures").standard_normal((len(dividing), size))
    mixtures = (turned.clip(-3, 3) * weights) @ drawn / np.linalg.norm(weights)
    return torch.from_numpy(np.tanh(MIXTURE * mixtures)).float()


def read_targets(parts: list[Path], codes: dict[str, torch.Tensor], size: int, seed: int) -> Targets:
    """Return the targets of a student of hidden size `size`, from the files of the teacher and the codes of texts."""
    read = [load_file(part) for part in parts]
    vectors = torch.cat([part["vectors"] for part in read])
    return Targets(
        tokens=torch.cat([part["tokens"] for part in read]),
        vectors=whitened(vectors, size),
        # Leading directions say more about a text, so they get more of the loss.
        codes=codes["codes"].clamp(-4, 4) * codes["spread"].sqrt(),
        mixtures=pooler_targets(codes["codes"], codes["coded"], size, seed),
        coded=codes["coded"],
    )
