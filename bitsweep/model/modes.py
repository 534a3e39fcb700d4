"""The modes, each of which says which parameters of the model train. docs/modes.md gives their sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bitsweep.errors import UserError
from bitsweep.seeding import generator, stream_key

if TYPE_CHECKING:
    # Importing torch takes a second, and checking the settings needs only the modes' names.
    import torch

# The names that encoders give to the projection of queries and to the first layer of the feed-forward block.
QUERY_BIASES = ["*.query.bias", "*.query_proj.bias", "*.q_lin.bias", "*.attn.q.bias"]
INTERMEDIATE_BIASES = ["*.intermediate.dense.bias", "*.ffn.lin1.bias", "*.ffn.bias"]

BUILT_IN: dict[str, dict] = {
    "full": {"train": ["all"]},
    # BitFit as in the reference experiment: the classifier's bias trains with the encoder's biases, while the
    # classifier's weight stays as it was drawn at random.
    "bitfit": {"train": ["bias"]},
    # BitFit as in the code of its paper (Ben Zaken et al., 2022, arXiv:2106.10199): the whole classifier trains, too.
    "bitfit_head": {"train": ["bias", "head"]},
    # From the paper's table 3: of the biases, only those of the queries and of the feed-forward block's first layer
    # train, and the classifier.
    "bitfit_subset": {"train": ["head", "intermediate_bias", "query_bias"]},
    "head": {"train": ["head"]},
    # Qi et al., 2022, "Parameter-efficient tuning on layer normalization", arXiv:2211.08682.
    "layernorm": {"train": ["head", "layernorm"]},
    # Hu et al., 2021, "LoRA", arXiv:2106.09685: queries and values, rank 8.
    "lora": {"train": ["head"], "lora": {"rank": 8, "alpha": 16.0, "target": None}},
    # The BitFit paper's control (section 4): as many parameters as bitfit trains, drawn uniformly from all.
    "random": {"random": {"train": ["bias"]}},
}
# Every parameter; those with `bias` in their name; the classifier on top of the encoder; weights and biases of
# normalization layers; biases of the projections of queries, and of the feed-forward blocks' first layers.
KINDS = ("all", "bias", "head", "layernorm", "query_bias", "intermediate_bias")


@dataclass
class Sample:
    """Some entries of a parameter, which train in its place.

    `places` are their positions in the flattened parameter. `values` has shape (n, 1), or (n,) where the parameter is a
    vector: weight decay spares vectors, and so it spares the entries of one, too.
    """

    parameter: torch.nn.Parameter
    places: torch.Tensor
    values: torch.Tensor


@dataclass
class Trainable:
    """The part of a model that trains.

    `tensors` has, by name, what the optimizer updates and a run stores. Where these are entries of larger parameters,
    `samples` says of which, and at which places.
    """

    tensors: dict[str, torch.Tensor]
    samples: list[Sample]

    def take_gradients(self) -> None:
        """Move the gradients of sampled entries to their values, and drop the gradients of all other entries."""
        for sample in self.samples:
            gradient = sample.parameter.grad
            sample.values.grad = gradient.view(-1)[sample.places].view_as(sample.values)
            gradient.zero_()

    def write_back(self) -> None:
        """Put the values of sampled entries into the model."""
        for sample in self.samples:
            sample.parameter.data.view(-1)[sample.places] = sample.values.view(-1)

    @property
    def count(self) -> int:
        return sum(tensor.numel() for tensor in self.tensors.values())


def is_in_head(model: torch.nn.Module, name: str) -> bool:
    return not name.startswith(f"{model.base_model_prefix}.")


def names_of_kind(model: torch.nn.Module, kind: str) -> Iterator[str]:
    """Yield the names of the parameters of a kind: one of `KINDS`, or a pattern of names in the shell's style."""
    norms = {
        id(parameter)
        for module in model.modules()
        if "norm" in type(module).__name__.lower()
        for parameter in module.parameters(recurse=False)
    }
    patterns = {"query_bias": QUERY_BIASES, "intermediate_bias": INTERMEDIATE_BIASES}.get(kind, [kind])
    for name, parameter in model.named_parameters():
        # This is the name before low-rank updates were put beside the layer, by which kinds and patterns go.
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
    """Return the names of the parameters that a mode's `train` chooses.

    Raises UserError where one of its parts chooses nothing, or where `bias` chooses nothing in the encoder: not every
    encoder has biases.
    """
    chosen: set[str] = set()
    for kind in mode.get("train", []):
        names = set(names_of_kind(model, kind))
        if not names or (kind == "bias" and all(is_in_head(model, name) for name in names)):
            example = next(name for name, _ in model.named_parameters() if not is_in_head(model, name))
            raise UserError(
                f"the encoder has no parameter that the mode would train by {kind!r}: remove the mode from grid.mode, "
                f"or let it train others (the encoder's parameters have names like {example})."
            )
        chosen |= names
    return chosen


def add_lora(model: torch.nn.Module, lora: dict, seed: int) -> None:
    """Put peft's low-rank updates beside the model's linear layers, drawn from a stream that `seed` determines."""
    # These imports take seconds, and most modes do without them.
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
    """Add to a model the parameters that a mode trains and the pretrained encoder does not have."""
    if "lora" in mode:
        add_lora(model, mode["lora"], seed)


def draw_samples(model: torch.nn.Module, count: int, seed: int) -> dict[str, Sample]:
    """Return `count` entries, drawn uniformly by `seed` from all parameters together, by the parameters' names."""
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
    """Let only what `mode` trains require gradients, in a model that `adapt` has prepared; return what trains.

    `mode` has `train`, a list of KINDS and patterns of names, and perhaps `lora`, low-rank updates that train as well;
    or it has `random`, another mode: then as many entries of parameters train as in that one, drawn uniformly. Raises
    UserError where the encoder has nothing that the mode could train.
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
