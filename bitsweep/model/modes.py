"""Modes: which parameters of the model train. docs/modes.md says where each comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bitsweep.errors import UserError
from bitsweep.seeding import generator, stream_key

if TYPE_CHECKING:
    # Settings are checked by the modes' names, without the second that torch takes to import.
    import torch

# The names that encoders give to the projection of queries and to the first layer of the feed-forward block.
QUERY_BIASES = ["*.query.bias", "*.query_proj.bias", "*.q_lin.bias", "*.attn.q.bias"]
INTERMEDIATE_BIASES = ["*.intermediate.dense.bias", "*.ffn.lin1.bias", "*.ffn.bias"]

BUILT_IN: dict[str, dict] = {
    "full": {"train": ["all"]},
    # As the reference experiment takes BitFit: the classifier's bias trains with the encoder's, its weight, drawn at
    # random, stays as it is.
    "bitfit": {"train": ["bias"]},
    # As the code of the BitFit paper does (Ben Zaken et al., 2022, arXiv:2106.10199): with the whole classifier.
    "bitfit_head": {"train": ["bias", "head"]},
    # The paper's table 3: the biases of queries and of the feed-forward block's first layer alone, and the classifier.
    "bitfit_subset": {"train": ["head", "intermediate_bias", "query_bias"]},
    "head": {"train": ["head"]},
    # Qi et al., 2022, "Parameter-efficient tuning on layer normalization", arXiv:2211.08682.
    "layernorm": {"train": ["head", "layernorm"]},
    # Hu et al., 2021, "LoRA", arXiv:2106.09685: queries and values, rank 8.
    "lora": {"train": ["head"], "lora": {"rank": 8, "alpha": 16.0, "target": None}},
    # The BitFit paper's control (section 4): as many parameters as bitfit's, drawn uniformly from all.
    "random": {"random": {"train": ["bias"]}},
}
KINDS = {
    "all": "every parameter",
    "bias": "parameters with `bias` in their name",
    "head": "the classifier on top of the encoder",
    "layernorm": "weights and biases of normalization layers",
    "query_bias": "biases of the projections of queries",
    "intermediate_bias": "biases of the feed-forward blocks' first layers",
}


@dataclass
class Sample:
    """Some entries of a parameter, which train in its place.

    `places` are their positions in the flattened parameter. `values` has shape (n, 1), or (n,) where the parameter is a
    vector, so that weight decay, which spares vectors, takes them for what they are.
    """

    parameter: torch.nn.Parameter
    places: torch.Tensor
    values: torch.Tensor


@dataclass
class Trainable:
    """What of a model trains: `tensors` by name, which the optimizer updates and a run keeps, and where they are part
    of larger parameters, the `samples` that they are the values of."""

    tensors: dict[str, torch.Tensor]
    samples: list[Sample]

    def take_gradients(self) -> None:
        """Moves the gradients of sampled entries to their values, and forgets those of all others."""
        for sample in self.samples:
            gradient = sample.parameter.grad
            sample.values.grad = gradient.view(-1)[sample.places].view_as(sample.values)
            gradient.zero_()

    def write_back(self) -> None:
        """Puts the values of sampled entries into the model."""
        for sample in self.samples:
            sample.parameter.data.view(-1)[sample.places] = sample.values.view(-1)

    @property
    def count(self) -> int:
        return sum(tensor.numel() for tensor in self.tensors.values())


def is_in_head(model: torch.nn.Module, name: str) -> bool:
    return not name.startswith(f"{model.base_model_prefix}.")


def names_of_kind(model: torch.nn.Module, kind: str) -> Iterator[str]:
    """The names of all parameters of one of `KINDS`, or that match a pattern in the shell's style."""
    norms = {
        id(parameter)
        for module in model.modules()
        if "norm" in type(module).__name__.lower()
        for parameter in module.parameters(recurse=False)
    }
    patterns = {"query_bias": QUERY_BIASES, "intermediate_bias": INTERMEDIATE_BIASES}.get(kind, [kind])
    for name, parameter in model.named_parameters():
        # As it was named before low-rank updates were put beside its layer.
        plain = name.replace(".base_layer.", ".")
        if kind in ("all", "bias", "head", "layernorm"):
            chosen = {
                "all": True,
                "bias": "bias" in plain,
                "head": is_in_head(model, plain),
                "layernorm": id(parameter) in norms,
            }[kind]
        else:
            chosen = any(fnmatchcase(plain, pattern) for pattern in patterns)
        if chosen:
            yield name


def chosen_names(model: torch.nn.Module, mode: dict) -> set[str]:
    """The names of the parameters that a mode's `train` chooses.

    Raises UserError where one of its parts chooses nothing, or `bias` nothing in the encoder, which may have no biases.
    """
    chosen: set[str] = set()
    for kind in mode.get("train", []):
        names = set(names_of_kind(model, kind))
        if not names or (kind == "bias" and all(is_in_head(model, name) for name in names)):
            what = f"{kind!r} ({KINDS[kind]})" if kind in KINDS else f"parameters named {kind!r}"
            example = next(name for name, _ in model.named_parameters() if not is_in_head(model, name))
            raise UserError(
                f"the encoder has no parameter that the mode would train by {what}: remove the mode from grid.mode, or "
                f"choose others (its parameters have names like {example})."
            )
        chosen |= names
    return chosen


def add_lora(model: torch.nn.Module, lora: dict, seed: int) -> None:
    """Puts low-rank updates beside the model's linear layers (peft), drawn from a stream that `seed` determines."""
    # Only here: these imports take seconds.
    import torch

    from bitsweep.model.fast.light_imports import light_imports

    with light_imports():
        from peft import LoraConfig, inject_adapter_in_model

    names = [name for name, _ in model.named_modules()]
    for target in lora["target"] or ():
        if not any(name == target or name.endswith(f".{target}") for name in names):
            raise UserError(f"lora.target has {target!r}, which is the end of no layer's name: correct or remove it.")
    config = LoraConfig(r=lora["rank"], lora_alpha=lora["alpha"], target_modules=lora["target"], lora_dropout=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_key(seed, "lora") % 2**63)
        try:
            inject_adapter_in_model(config, model)
        except ValueError as error:
            first_line = str(error).splitlines()[0][:200]
            raise UserError(
                f"lora does not fit the encoder: set lora.target to names of linear layers ({first_line})."
            ) from None


def adapt(model: torch.nn.Module, mode: dict, seed: int) -> None:
    """Adds to a model what a mode trains and the pretrained encoder does not have."""
    if "lora" in mode:
        add_lora(model, mode["lora"], seed)


def draw_samples(model: torch.nn.Module, count: int, seed: int) -> dict[str, Sample]:
    """`count` entries of all parameters together, drawn uniformly by `seed`, by the names of their parameters."""
    import torch

    total = sum(parameter.numel() for parameter in model.parameters())
    drawn = torch.from_numpy(generator(seed, "sample").choice(total, count, replace=False, shuffle=False)).sort()[0]
    samples, start = {}, 0
    for name, parameter in model.named_parameters():
        end = start + parameter.numel()
        places = (drawn[(drawn >= start) & (drawn < end)] - start).to(parameter.device)
        start = end
        if len(places):
            values = parameter.detach().view(-1)[places].clone()
            samples[name] = Sample(parameter, places, values if parameter.dim() == 1 else values[:, None])
    return samples


def freeze(model: torch.nn.Module, mode: dict, seed: int) -> Trainable:
    """Lets only what `mode` trains require gradients, of a model that `adapt` has prepared.

    `mode` has `train`, a list of KINDS and name patterns; or `lora`, low-rank updates that train beside that; or
    `random`, another mode: as many entries of parameters as that one has, drawn uniformly. Raises UserError where the
    encoder has nothing to train for it.
    """
    if "random" in mode:
        count = freeze(model, mode["random"], seed).count
        samples = draw_samples(model, count, seed)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in samples)
        return Trainable({name: sample.values for name, sample in samples.items()}, list(samples.values()))
    chosen = chosen_names(model, mode)
    if "lora" in mode:
        chosen |= {name for name, _ in model.named_parameters() if "lora_" in name}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in chosen)
    return Trainable({name: parameter for name, parameter in model.named_parameters() if name in chosen}, [])
