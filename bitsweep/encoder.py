"""The pretrained encoder: brought into one shape, so that all later steps read one kind of folder, offline."""

import shutil
import tempfile
from pathlib import Path

from bitsweep.errors import UserError
from bitsweep.files import WEIGHTS, read_json, whole_file, write_json

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
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet", "roberta-prelayernorm", "data2vec-text")


def choose_files(names: list[str], place: str, key: str) -> list[str]:
    """Those of a model folder's files that are needed. Raises UserError where it lacks what cannot be done without.

    `place` names the folder and `key` the config's key that chose it, for the sentence.
    """
    if "config.json" not in names:
        raise UserError(f"{place} has no config.json: set {key} to a folder that transformers saved.")
    if WEIGHTS not in names:
        pickles = [name for name in PICKLES if name in names]
        if pickles:
            raise UserError(
                f"{place} has its weights only as {pickles[0]}, which may run code when it is read: set {key} to one "
                f"with {WEIGHTS}, or convert it with transformers' save_pretrained."
            )
        raise UserError(f"{place} has no {WEIGHTS}: set {key} to one that has it.")
    if not any(files <= set(names) for files in VOCABULARIES):
        raise UserError(f"{place} has no tokenizer (tokenizer.json or vocab.txt): set {key} to one that has it.")
    return ["config.json", WEIGHTS, *(name for name in TOKENIZER_FILES if name in names)]


def check_max_length(config_file: Path, max_length: int) -> None:
    """Raises UserError where texts of `max_length` tokens would not fit the encoder's positions."""
    try:
        config = dict(read_json(config_file))
    except (TypeError, ValueError):
        raise UserError(f"{config_file} is not a JSON object: take the encoder's files anew.") from None
    positions = config.get("max_position_embeddings")
    if config.get("model_type") in POSITIONS_AFTER_PADDING and isinstance(positions, int):
        positions -= config.get("pad_token_id", 1) + 1
    # Encoders with relative positions, such as DeBERTa, may have -1 or nothing here.
    if isinstance(positions, int) and 0 < positions < max_length:
        raise UserError(f"max_length is {max_length}, but the encoder reads at most {positions} tokens: lower it.")


def guess_model_type(name: str) -> str | None:
    """The architecture that a model's name holds, the longest that fits, as transformers reads folders without one."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    fitting = [kind for kind in CONFIG_MAPPING if kind in name.lower()]
    return max(fitting, key=len, default=None)


def prepare_encoder(source: str | Path, name: str, target: str | Path) -> None:
    """Writes config.json with its model type, model.safetensors, tokenizer.json and tokenizer_config.json to `target`.

    `source` is a folder as transformers saves it, or an old one with vocab.txt for a tokenizer and a config.json
    without `model_type`; `name` tells its architecture then. Raises UserError where something is missing.
    """
    source, target = Path(source), Path(target)
    wanted = choose_files([path.name for path in source.iterdir()], name, "encoder")
    config = read_json(source / "config.json")
    if "model_type" not in config:
        kind = guess_model_type(Path(name).name)
        if kind is None:
            raise UserError(f"{name}/config.json has no model_type: add it, such as bert.")
        config["model_type"] = kind
    with tempfile.TemporaryDirectory() as folder:
        for file in wanted:
            if file not in ("config.json", WEIGHTS):
                shutil.copyfile(source / file, Path(folder) / file)
        write_json(Path(folder) / "config.json", config)
        (Path(folder) / WEIGHTS).symlink_to((source / WEIGHTS).resolve())
        save_tokenizer(Path(folder), target)
        save_weights(Path(folder), target)
    write_json(target / "config.json", config)


def save_tokenizer(source: Path, target: Path) -> None:
    """Writes the fast tokenizer of `source` to `target`; one made from vocab.txt gets its tokenizer.json here."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            if not (Path(folder) / file).is_file():
                raise UserError(
                    f"The tokenizer of {source} cannot be saved as {file}: take an encoder with a fast one."
                )
            with whole_file(target / file) as part:
                shutil.copyfile(Path(folder) / file, part)


def save_weights(source: Path, target: Path) -> None:
    """Writes the pretrained parameters of `source`, float32, under the names that its sequence classifier gives them.

    What a run has to draw, the head above all, is left out; so are the heads that the encoder was pretrained with.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForSequenceClassification

    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            source, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (ValueError, KeyError, OSError) as error:
        raise UserError(
            f"The encoder cannot be loaded as a sequence classifier: {str(error).splitlines()[0]}"
        ) from None
    drawn = set(loading["missing_keys"]) | {key for key, *_ in loading["mismatched_keys"]}
    pretrained = {name: tensor.clone() for name, tensor in model.state_dict().items() if name not in drawn}
    if any(
        "ForSequenceClassification" in kind for kind in read_json(source / "config.json").get("architectures") or []
    ):
        # A classifier that was fine-tuned before: its head is of another task.
        prefix = f"{model.base_model_prefix}."
        pretrained = {name: tensor for name, tensor in pretrained.items() if name.startswith(prefix)}
    if not pretrained:
        raise UserError("The encoder's weights fit no parameter of its architecture: take other files.")
    with whole_file(target / WEIGHTS) as part:
        save_file(pretrained, part)
