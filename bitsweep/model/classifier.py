"""The classifier of a run: the encoder's pretrained weights under a head that is drawn by the run's seed."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bitsweep.errors import UserError
from bitsweep.files import MODEL_WEIGHTS, whole_file
from bitsweep.model.fast.light_imports import light_imports
from bitsweep.seeding import stream_key


def build_classifier(encoder: str | Path, labels: int, seed: int) -> torch.nn.Module:
    """Return the sequence classifier of a prepared encoder's folder, float32 on the CPU, without a network.

    The head is drawn as transformers draws it, from a stream that `seed` alone determines, so that all modes of one
    seed start from the same head. Raises UserError for weights that do not belong to the architecture.
    """
    with light_imports():
        from transformers import AutoConfig, AutoModelForSequenceClassification

        config = AutoConfig.from_pretrained(encoder, num_labels=labels, local_files_only=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_key(seed, "head") % 2**63)
            model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    unknown = model.load_state_dict(load_file(Path(encoder) / MODEL_WEIGHTS), strict=False).unexpected_keys
    if unknown:
        raise UserError(
            f"{encoder} has weights that its architecture does not know, such as {unknown[0]}: delete the folder "
            "and run again."
        )
    return model


def digest_state(model: torch.nn.Module) -> str:
    """Return the SHA-256 of the names, shapes and bytes of all parameters, in the order of their names."""
    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        digest.update(f"{name} {tuple(parameter.shape)}\n".encode())
        digest.update(parameter.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def save_trained(path: str | Path, weights: dict[str, torch.Tensor], info: dict) -> None:
    """Write the trained parameters as safetensors; `info` (JSON) goes into the file's header."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    with whole_file(path) as part:
        save_file(tensors, part, metadata={"info": json.dumps(info, sort_keys=True)})


def load_trained(path: str | Path, trained: dict[str, torch.Tensor], info: dict) -> None:
    """Copy the trained parameters of a file into `trained`, the tensors of the run's model that train (`modes.freeze`).

    Raises UserError where the file was made from other settings or another encoder than `info` says, or where its
    parameters are not those.
    """
    with safe_open(path, framework="pt") as file:
        found = json.loads(file.metadata()["info"])
    if found != info:
        raise UserError(
            f"{path} holds weights made from {found}, not from {info}: delete the run's folder and run again."
        )
    tensors = load_file(path)
    with torch.no_grad():
        for name in trained.keys() | tensors.keys():
            if name not in trained or name not in tensors or trained[name].shape != tensors[name].shape:
                raise UserError(
                    f"{path}: parameter {name} does not fit the encoder: delete the run's folder and run again."
                )
            trained[name].copy_(tensors[name])
