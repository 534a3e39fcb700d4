"""The pretrained encoder: brought into one shape, so that all later steps read one kind of folder, offline."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bitsweep.errors import FULL_DISK, UserError
from bitsweep.files import WEIGHTS, read_json, whole_file, write_json

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

# Large encoders have their weights in several files, and an index of them.
INDEX = f"{WEIGHTS}.index.json"
SHARD = re.compile(r"model-\d+-of-(\d+)\.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.ckpt.index", "tf_model.h5")
# What a tokenizer can be made from: any of these sets, each whole.
VOCABULARIES = (
    {"tokenizer.json"},
    {"vocab.txt"},
    {"vocab.json", "merges.txt"},
    {"spiece.model"},
    {"spm.model"},
    {"sentencepiece.bpe.model"},
)
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
)

# These count positions from behind the padding token's id, so that they have fewer than their table has rows.
POSITIONS_AFTER_PADDING = (
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "longformer",
    "luke",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)
# The names of the number of positions; T5 has one of them for no use.
POSITIONS = ("max_position_embeddings", "n_positions")
WITHOUT_POSITIONS = ("t5", "mt5", "umt5")


def choose_files(names: list[str], place: str, key: str) -> list[str]:
    """Those of a model folder's files that are needed. Raises UserError where it lacks what cannot be done without.

    `place` names the folder and `key` the config's key that chose it, for the sentence.
    """
    if "config.json" not in names:
        raise UserError(f"{place} has no config.json: set {key} to a folder that transformers saved.")
    shards = sorted(name for name in names if SHARD.fullmatch(name))
    if INDEX in names and WEIGHTS not in names:
        expected = int(SHARD.fullmatch(shards[0])[1]) if shards else 1
        if len(shards) != expected:
            raise UserError(f"{place} has {len(shards)} of {expected} files of weights: download it again, whole.")
        weights = [INDEX, *shards]
    elif WEIGHTS in names:
        weights = [WEIGHTS]
    else:
        pickles = [name for name in PICKLES if name in names]
        if pickles:
            raise UserError(
                f"{place} has its weights only as {pickles[0]}, which may run code when it is read: set {key} to one "
                f"with {WEIGHTS}, or convert it with transformers' save_pretrained."
            )
        raise UserError(f"{place} has no {WEIGHTS}: set {key} to one that has it.")
    if not any(files <= set(names) for files in VOCABULARIES):
        raise UserError(f"{place} has no tokenizer (tokenizer.json or vocab.txt): set {key} to one that has it.")
    return ["config.json", *weights, *(name for name in TOKENIZER_FILES if name in names)]


def check_max_length(config_file: Path, max_length: int) -> None:
    """Raises UserError where texts of `max_length` tokens would not fit the encoder's positions."""
    try:
        config = dict(read_json(config_file))
    except (TypeError, ValueError):
        raise UserError(f"{config_file} is not a JSON object: take the encoder's files anew.") from None
    kind = config.get("model_type")
    positions = next((config[name] for name in POSITIONS if name in config and kind not in WITHOUT_POSITIONS), None)
    if kind in POSITIONS_AFTER_PADDING and isinstance(positions, int):
        positions -= (config.get("pad_token_id") or 1) + 1
    # Encoders with relative positions, such as DeBERTa, may have -1 or nothing here.
    if isinstance(positions, int) and 0 < positions < max_length:
        raise UserError(f"max_length is {max_length}, but the encoder reads at most {positions} tokens: lower it.")


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
        tokenizer = load_tokenizer(Path(folder), name)
        model, absent = load_classifier(Path(folder), name)
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


def in_short(error: Exception) -> str:
    """An error's kind and the beginning of what it says, on one line; a full disk's is told by `errors.run`."""
    if FULL_DISK in str(error):
        raise error
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300] or 'no reason given'}"


def load_tokenizer(folder: Path, name: str) -> PreTrainedTokenizerFast:
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


def load_classifier(folder: Path, name: str) -> tuple[PreTrainedModel, set[str]]:
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
    with whole_file(target / WEIGHTS) as part:
        save_file(pretrained, part)


def check_teacher(teacher: dict, **shape: int) -> None:
    """Raises UserError where a teacher of this config.json cannot teach a student of this hidden_size and positions."""
    if teacher["model_type"] != "bert":
        raise UserError(
            f"pretrain.teacher has model_type {teacher['model_type']!r}, but the student is a BERT with its teacher's "
            "tokens: name one of model_type bert."
        )
    for key, size in shape.items():
        theirs = teacher.get("max_position_embeddings" if key == "positions" else key, size)
        if size > theirs:
            raise UserError(f"pretrain.student.{key} is {size}, but the teacher has {theirs}: lower it.")


def find_package_folder(package: str, path: str) -> Path:
    """A folder of an installed package."""
    return Path(str(importlib.metadata.distribution(package).locate_file(path)))
