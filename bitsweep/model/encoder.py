"""The pretrained encoder, brought into one form, so that all later steps read one kind of folder, offline."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bitsweep.errors import UserError, in_short
from bitsweep.files import MODEL_WEIGHTS, read_json, whole_file, write_json
from bitsweep.model.encoder_files import choose_files

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast


def guess_model_type(name: str) -> str | None:
    """Return the architecture that is part of a model's name, the longest of several; None where there is none.

    This is how transformers reads a folder whose config.json has no `model_type`.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    fitting = [kind for kind in CONFIG_MAPPING if kind in name.lower()]
    return max(fitting, key=len, default=None)


def prepare_encoder(source: str | Path, name: str, target: str | Path, section: str = "encoder") -> None:
    """Write config.json with its model type, model.safetensors, tokenizer.json and tokenizer_config.json to `target`.

    `source` is a folder as transformers saves it, or an old one with vocab.txt for a tokenizer and a config.json
    without `model_type`, whose architecture is guessed from `name`. `section` of the config names the encoder, for
    error messages. Raises UserError where something is missing, or where transformers' own code cannot classify
    sequences with it.
    """
    source, target = Path(source), Path(target)
    wanted = choose_files([path.name for path in source.iterdir()], name, section)
    config = read_config(source / "config.json", name, section)
    with tempfile.TemporaryDirectory() as folder:
        for file in wanted:
            if file.endswith(".safetensors"):
                (Path(folder) / file).symlink_to((source / file).resolve())
            else:
                shutil.copyfile(source / file, Path(folder) / file)
        write_json(Path(folder) / "config.json", config)
        tokenizer = load_fast_tokenizer(Path(folder), name)
        model, absent = load_pretrained(Path(folder), name)
    padding = getattr(model.config, "pad_token_id", None)
    if not is_padding(padding):
        # Batches are padded with this token, and decoders find the last token of a text by it.
        padding = config["pad_token_id"] = choose_padding(model.config, tokenizer, name)
    if tokenizer.pad_token_id is None and padding < len(tokenizer):
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(padding)
    save_tokenizer(tokenizer, name, target)
    save_weights(model, absent, name, target)
    write_json(target / "config.json", config)


def read_config(path: Path, name: str, section: str) -> dict:
    """Return the content of an encoder's config.json, with its model type and without the code that it may name.

    Raises UserError where it cannot be used.
    """
    from transformers import CONFIG_MAPPING, __version__
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

    try:
        config = dict(read_json(path))
    except (TypeError, ValueError):
        raise UserError(f"{name}/config.json is not a JSON object: fetch the encoder's files again.") from None
    if "model_type" not in config:
        kind = guess_model_type(Path(name).name)
        if kind is None:
            raise UserError(f"{name}/config.json has no model_type: add that of the encoder, for example bert.")
        config["model_type"] = kind
    code = config.pop("auto_map", None)
    if config["model_type"] not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        kinds = "bert, roberta, deberta-v2 or modernbert" if section == "encoder" else "bert"
        reason = "which needs code of its own, that BitSweep does not run" if code else "which does not classify texts"
        raise UserError(
            f"{name} has model_type {config['model_type']!r}, {reason}: set {section} to one that transformers "
            f"{__version__} classifies texts with, such as {kinds}."
        )
    try:
        CONFIG_MAPPING[config["model_type"]].from_dict(config)
    except Exception as error:
        raise UserError(
            f"{name}/config.json cannot be used ({in_short(error)}): fetch the encoder's files again."
        ) from None
    return config


def load_fast_tokenizer(folder: Path, name: str) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    # Files that others made may make it raise anything.
    except Exception as error:
        raise UserError(
            f"The tokenizer of {name} cannot be loaded ({in_short(error)}): take an encoder with a tokenizer.json."
        ) from None


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, name: str, target: Path) -> None:
    """Write a fast tokenizer to `target`; one made from vocab.txt gets its tokenizer.json here."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            if not (Path(folder) / file).is_file():
                raise UserError(
                    f"The tokenizer of {name} cannot be saved as {file}: take an encoder with a fast tokenizer."
                )
            with whole_file(target / file) as part:
                shutil.copyfile(Path(folder) / file, part)


def load_pretrained(folder: Path, name: str) -> tuple[PreTrainedModel, set[str]]:
    """Return the sequence classifier of a folder, float32, and the names of the parameters without weights there.

    Those are its head's and perhaps its pooler's. Raises UserError where others are among them: these would be drawn at
    random, although the encoder counts as pretrained.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:
        raise UserError(
            f"{name} cannot be loaded as a sequence classifier ({in_short(error)}): fetch its files again, or take "
            "another encoder."
        ) from None
    absent = set(loading["missing_keys"]) | {key for key, *_ in loading["mismatched_keys"]}
    prefix = f"{model.base_model_prefix}."
    lacking = sorted(key for key in absent if key.startswith(prefix) and "pool" not in key)
    if lacking:
        raise UserError(
            f"{name} has no weights for {len(lacking)} of its encoder's parameters, such as {lacking[0]}, so "
            "its config.json and its weights do not belong together: fetch its files again, or take another encoder."
        )
    return model, absent


def is_padding(token: object) -> bool:
    return isinstance(token, int) and token >= 0


def choose_padding(config: PretrainedConfig, tokenizer: PreTrainedTokenizerFast, name: str) -> int:
    """Return the id of the token that pads, where the config names none, as GPT-2's does not.

    It is that of the tokenizer, else that of the end of a text. Raises UserError where there is neither.
    """
    ends = getattr(config, "eos_token_id", None)
    candidates = [tokenizer.pad_token_id, tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])]
    found = next((token for token in candidates if is_padding(token) and token < config.vocab_size), None)
    if found is None:
        raise UserError(
            f"{name} has neither a padding token nor one for the end of a text: add pad_token_id to its config.json."
        )
    return found


def save_weights(model: PreTrainedModel, absent: set[str], name: str, target: Path) -> None:
    """Write the pretrained parameters of a classifier, under the classifier's names for them.

    What a run has to draw, the head above all, is left out; so are the heads that the encoder was pretrained with.
    """
    from safetensors.torch import save_file

    pretrained = {key: tensor.clone() for key, tensor in model.state_dict().items() if key not in absent}
    prefix = f"{model.base_model_prefix}."
    if all(key.startswith(prefix) for key in absent):
        # This classifier was fine-tuned before: its head has weights, but for another task.
        pretrained = {key: tensor for key, tensor in pretrained.items() if key.startswith(prefix)}
    if not pretrained:
        raise UserError(f"{name} has no weights for its architecture: fetch its files again, or take another encoder.")
    with whole_file(target / MODEL_WEIGHTS) as part:
        save_file(pretrained, part)
