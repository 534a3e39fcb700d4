"""The pretrained encoder: brought into one shape, so that all later steps read one kind of folder, offline."""

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
    """The architecture that a model's name holds, the longest that fits, as transformers reads folders without one."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    fitting = [kind for kind in CONFIG_MAPPING if kind in name.lower()]
    return max(fitting, key=len, default=None)


def prepare_encoder(source: str | Path, name: str, target: str | Path, section: str = "encoder") -> None:
    """Writes config.json with its model type, model.safetensors, tokenizer.json and tokenizer_config.json to `target`.

    `source` is a folder as transformers saves it, or an old one with vocab.txt for a tokenizer and a config.json
    without `model_type`; `name` tells its architecture then. Raises UserError where something is missing, or where
    transformers cannot classify sequences with it by code of its own; `section` of the config has named it.
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
        # Batches are padded, and decoders find the last token of a text by it.
        padding = config["pad_token_id"] = choose_padding(model.config, tokenizer, name)
    if tokenizer.pad_token_id is None and padding < len(tokenizer):
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(padding)
    save_tokenizer(tokenizer, name, target)
    save_weights(model, absent, name, target)
    write_json(target / "config.json", config)


def read_config(path: Path, name: str, section: str) -> dict:
    """An encoder's config.json, with its model type, without the code that it may come with."""
    from transformers import CONFIG_MAPPING, __version__
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

    try:
        config = dict(read_json(path))
    except (TypeError, ValueError):
        raise UserError(f"{name}/config.json is not a JSON object: take the encoder's files anew.") from None
    if "model_type" not in config:
        kind = guess_model_type(Path(name).name)
        if kind is None:
            raise UserError(f"{name}/config.json has no model_type: add it, such as bert.")
        config["model_type"] = kind
    code = config.pop("auto_map", None)
    if config["model_type"] not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        kinds = "bert, roberta, deberta-v2 or modernbert" if section == "encoder" else "bert"
        reason = "which needs code of its own, that BitSweep does not run" if code else "which is not made for that"
        raise UserError(
            f"{name} has model_type {config['model_type']!r}, {reason}: set {section} to one that transformers "
            f"{__version__} classifies texts with, such as {kinds}."
        )
    try:
        CONFIG_MAPPING[config["model_type"]].from_dict(config)
    except Exception as error:
        raise UserError(
            f"{name}/config.json cannot be used ({in_short(error)}): take the encoder's files anew."
        ) from None
    return config


def load_fast_tokenizer(folder: Path, name: str) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    # Whatever a file that others made makes it raise.
    except Exception as error:
        raise UserError(
            f"The tokenizer of {name} cannot be loaded ({in_short(error)}): take an encoder with a tokenizer.json."
        ) from None


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, name: str, target: Path) -> None:
    """Writes a fast tokenizer to `target`; one made from vocab.txt gets its tokenizer.json here."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            if not (Path(folder) / file).is_file():
                raise UserError(f"The tokenizer of {name} cannot be saved as {file}: take an encoder with a fast one.")
            with whole_file(target / file) as part:
                shutil.copyfile(Path(folder) / file, part)


def load_pretrained(folder: Path, name: str) -> tuple[PreTrainedModel, set[str]]:
    """The sequence classifier of a folder, float32, and the names of its parameters that the folder has no weights for.

    Those are its head's and perhaps its pooler's. Raises UserError where others are among them: they would be drawn at
    random, where the encoder is said to be pretrained.
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
            f"{name} cannot be loaded as a sequence classifier ({in_short(error)}): take other files or another "
            "encoder."
        ) from None
    absent = set(loading["missing_keys"]) | {key for key, *_ in loading["mismatched_keys"]}
    prefix = f"{model.base_model_prefix}."
    lacking = sorted(key for key in absent if key.startswith(prefix) and "pool" not in key)
    if lacking:
        raise UserError(
            f"{name} has no weights for {len(lacking)} of its encoder's parameters, such as {lacking[0]}: its "
            "config.json and its weights are of different architectures; take other files."
        )
    return model, absent


def is_padding(token: object) -> bool:
    return isinstance(token, int) and token >= 0


def choose_padding(config: PretrainedConfig, tokenizer: PreTrainedTokenizerFast, name: str) -> int:
    """The id that pads where the config names none, as GPT-2's: the tokenizer's, else that of the end of a text."""
    ends = getattr(config, "eos_token_id", None)
    candidates = [tokenizer.pad_token_id, tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])]
    found = next((token for token in candidates if is_padding(token) and token < config.vocab_size), None)
    if found is None:
        raise UserError(
            f"{name} has neither a padding token nor one for the end of a text: add pad_token_id to its config.json."
        )
    return found


def save_weights(model: PreTrainedModel, absent: set[str], name: str, target: Path) -> None:
    """Writes the pretrained parameters of a classifier, under the names that it gives them.

    What a run has to draw, the head above all, is left out; so are the heads that the encoder was pretrained with.
    """
    from safetensors.torch import save_file

    pretrained = {key: tensor.clone() for key, tensor in model.state_dict().items() if key not in absent}
    prefix = f"{model.base_model_prefix}."
    if all(key.startswith(prefix) for key in absent):
        # A classifier that was fine-tuned before: its head is of another task.
        pretrained = {key: tensor for key, tensor in pretrained.items() if key.startswith(prefix)}
    if not pretrained:
        raise UserError(f"{name} has no weights for its architecture: take other files.")
    with whole_file(target / MODEL_WEIGHTS) as part:
        save_file(pretrained, part)
