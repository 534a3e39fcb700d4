"""Checks of an encoder without loading it: which files its folder needs, and how long a text it reads."""

import re
from pathlib import Path

from bitsweep.errors import UserError
from bitsweep.files import MODEL_WEIGHTS, read_json

# Large encoders have their weights in several files, and an index of them.
INDEX = f"{MODEL_WEIGHTS}.index.json"
SHARD = re.compile(r"model-\d+-of-(\d+)\.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.ckpt.index", "tf_model.h5")
# A tokenizer can be made from the files of any one of these sets.
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

# These architectures count positions from the number after the padding token's id, so they read fewer tokens than
# their table of positions has rows.
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
# The keys that give the number of positions. T5 has one of them, too, but does not use it.
POSITIONS = ("max_position_embeddings", "n_positions")
WITHOUT_POSITIONS = ("t5", "mt5", "umt5")


def choose_files(names: list[str], place: str, key: str) -> list[str]:
    """Return the files that are needed, of all `names` in a model's folder.

    `place` names the folder and `key` the config's key that chose it, for error messages. Raises UserError where a file
    that is needed is missing.
    """
    if "config.json" not in names:
        raise UserError(f"{place} has no config.json: set {key} to a folder that transformers saved.")
    shards = sorted(name for name in names if SHARD.fullmatch(name))
    if INDEX in names and MODEL_WEIGHTS not in names:
        expected = int(SHARD.fullmatch(shards[0])[1]) if shards else 1
        if len(shards) != expected:
            raise UserError(f"{place} has only {len(shards)} of {expected} files of weights: download all of them.")
        weights = [INDEX, *shards]
    elif MODEL_WEIGHTS in names:
        weights = [MODEL_WEIGHTS]
    else:
        pickles = [name for name in PICKLES if name in names]
        if pickles:
            raise UserError(
                f"{place} has its weights only as {pickles[0]}, which may run code when it is read: set {key} to one "
                f"with {MODEL_WEIGHTS}, or convert it with transformers' save_pretrained."
            )
        raise UserError(f"{place} has no {MODEL_WEIGHTS}: set {key} to one that has it.")
    if not any(files <= set(names) for files in VOCABULARIES):
        raise UserError(f"{place} has no tokenizer (tokenizer.json or vocab.txt): set {key} to one that has it.")
    return ["config.json", *weights, *(name for name in TOKENIZER_FILES if name in names)]


def check_max_length(config_file: Path, max_length: int) -> None:
    """Raise UserError where texts of `max_length` tokens would not fit the encoder's positions."""
    try:
        config = dict(read_json(config_file))
    except (TypeError, ValueError):
        raise UserError(f"{config_file} is not a JSON object: fetch the encoder's files again.") from None
    kind = config.get("model_type")
    positions = next((config[name] for name in POSITIONS if name in config and kind not in WITHOUT_POSITIONS), None)
    if kind in POSITIONS_AFTER_PADDING and isinstance(positions, int):
        positions -= (config.get("pad_token_id") or 1) + 1
    # Encoders with relative positions, such as DeBERTa, may have -1 or nothing here.
    if isinstance(positions, int) and 0 < positions < max_length:
        raise UserError(f"max_length is {max_length}, but the encoder reads at most {positions} tokens: lower it.")
