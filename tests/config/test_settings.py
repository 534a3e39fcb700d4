"""Configs: the ones that come along are good, and each mistake gets a sentence that names key, value and remedy."""

import copy
import json
import sys

import jsonschema
import pytest
import yaml
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from pydantic import TypeAdapter, ValidationError

from bitsweep.config.load import load_settings
from bitsweep.config.settings import HubName, schema_text
from bitsweep.errors import UserError
from bitsweep.files import canonical_json
from configs import make_pairs
from tests.helpers.workspace import ROOT

# pretrain.yaml makes an encoder, by keys of its own.
EXPERIMENTS = sorted(path for path in (ROOT / "configs").glob("*.yaml") if path.stem != "pretrain")
CONFIGS = [ROOT / "config.yaml", *EXPERIMENTS]


@pytest.fixture(autouse=True)
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def config() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_that_come_along_are_good(path, tmp_path, monkeypatch):
    config = yaml.safe_load(path.read_text())
    if path.stem == "pairs":
        # Its table is made first, as the config says.
        monkeypatch.chdir(tmp_path)
        (tmp_path / "models").symlink_to(ROOT / "models")
        monkeypatch.setattr(sys, "argv", ["make_pairs", "--rows", "8"])
        make_pairs.main()
    load_settings(config)
    jsonschema.validate(config, json.loads((ROOT / "config.schema.json").read_text()))


def test_schema_is_made_from_the_settings():
    assert (ROOT / "config.schema.json").read_text() == schema_text(), "run: python -m bitsweep.config.settings"


def test_schema_documents_every_key():
    def undocumented(node, path=""):
        for key, child in node.get("properties", {}).items():
            if "description" not in child and "const" not in child and "$ref" not in child:
                yield f"{path}.{key}"

    schema = json.loads(schema_text())
    found = [name for title, node in schema["$defs"].items() for name in undocumented(node, title)]
    simple = {"Limit.train", "Limit.validation", "Limit.test", "Training.epochs"}
    assert set(found) - simple == set()


def test_learning_rates_may_be_written_as_yaml_reads_them(config):
    config["grid"]["learning_rate"] = ["3e-4", 0.0001]
    # In one order, whatever the config's.
    assert load_settings(config).grid.learning_rate == [0.0001, 0.0003]


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.stem != "pairs"], ids=lambda path: path.stem)
def test_numbers_and_switches_that_are_strings_are_what_they_spell(path):
    """So Snakemake hands over what `--config 'training={epochs: 2}'` gives, and it must make nothing stale."""

    def spell(value):
        if isinstance(value, dict):
            return {key: spell(each) for key, each in value.items()}
        if isinstance(value, list):
            return [spell(each) for each in value]
        return value if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    config = yaml.safe_load(path.read_text())
    assert canonical_json(load_settings(spell(config)).model_dump()) == canonical_json(
        load_settings(config).model_dump()
    )


def test_all_kinds_of_numbers_may_be_strings(config):
    spelled = {
        "max_length": "64",
        "split": {"held_out": "0.25", "seed": "7", "stratified": "true"},
        "limit": {"train": "100", "validation": "20", "test": "20"},
        "grid": {"mode": ["full", "own"], "batch_size": ["16", "8"], "learning_rate": ["1e-3"], "seed": ["1", "0"]},
        "modes": {"own": {"lora": {"rank": "4", "alpha": "16"}}},
        "study": {"train_size": ["50"]},
        "training": {"epochs": "3", "weight_decay": "0", "max_grad_norm": ".5", "threads": "2"},
    }
    settings = load_settings({**config, **spelled}).model_dump()
    assert settings["split"] == {"held_out": 0.25, "seed": 7, "stratified": True}
    assert settings["grid"]["batch_size"] == [8, 16]
    assert settings["modes"]["own"]["lora"] == {"rank": 4, "alpha": 16.0, "target": None}
    assert settings["training"]["max_grad_norm"] == 0.5
    assert (settings["max_length"], settings["study"]["train_size"]) == (64, [50])
    assert load_settings({**config, "split": {"stratified": "false"}}).split.stratified is False


# path of the key, value, and what the sentence must hold: key, value, remedy
MISTAKES = [
    ("experiment", "a/b", ["experiment is 'a/b'", "letters, digits"]),
    ("experiment", 7, ["experiment is 7", "a text"]),
    ("max_lenght", 3, ["max_lenght is not a key", "3", "did you mean max_length?"]),
    (
        "pretrain",
        {"model": "models/mine"},
        ["pretrain is not a key of an experiment's config", "--snakefile pretraining/Snakefile"],
    ),
    ("max_length", 1024, ["max_length is 1024", "512 tokens", "lower it"]),
    ("max_length", 2, ["max_length is 2", "at least 3"]),
    ("max_length", 64.5, ["max_length is 64.5", "a whole number"]),
    ("grid.mode", ["full", "ful"], ["grid.mode[1] is 'ful'", "one of full, bitfit, bitfit_head", "modes.ful"]),
    ("grid.mode", ["a/b"], ["grid.mode[0] is 'a/b'", "letters, digits"]),
    ("modes", {"a/b": {"train": ["all"]}}, ["modes.a/b is 'a/b'", "letters, digits"]),
    ("modes", {"bitfit": {"train": ["all"]}}, ["modes.bitfit.train changes the built-in mode", "another name"]),
    ("modes", {"own": {"learning_rate": [1e-3]}}, ["modes.own is not a built-in mode", "say there which"]),
    ("modes", {"own": {"random": "random"}}, ["modes.own.random is 'random'", "one of full, bitfit"]),
    ("modes", {"own": {"random": "full", "train": ["head"]}}, ["modes.own.random is 'full'", "remove it"]),
    ("modes", {"bitfit": {"ratee": [1]}}, ["modes.bitfit.ratee is not a key", "one of batch_size, learning_rate"]),
    ("modes", {"own": {"lora": {"rnk": 2}}}, ["modes.own.lora.rnk is not a key", "did you mean rank?"]),
    ("modes", {"bitfit": {"batch_size": [8, 8]}}, ["modes.bitfit.batch_size has 8 more than once", "remove"]),
    ("modes", {"bitfit": {"batch_size": []}}, ["modes.bitfit.batch_size is []", "at least 1"]),
    ("modes", {"1": {"train": ["all"]}}, ["modes.1 is '1'", "starts with a letter"]),
    ("modes", {"own": {"train": ["heads"]}}, ["modes.own.train has 'heads'", "did you mean head?"]),
    ("grid.mode", "full", ["grid.mode is 'full'", "a list, such as [full]"]),
    ("modes", {"NA": {"train": ["all"]}}, ["modes.NA is a word that tables do not read as a name", "another one"]),
    ("modes", {"own": {"random": "lora"}}, ["modes.own.random is 'lora'", "one of full, bitfit"]),
    ("limit.validation", 1, ["limit.validation is 1", "at least 2"]),
    ("metric", "f2", ["metric is 'f2'", "'accuracy', 'macro_f1', 'f1' or 'matthews'"]),
    ("study", {"train_size": [100, 9000]}, ["study.train_size has 9000", "limit.train is 2000", "raise the limit"]),
    ("study", {"train_sizes": [100]}, ["study.train_sizes is not a key", "did you mean train_size?"]),
    ("grid.mode", [], ["grid.mode is []", "at least 1"]),
    ("grid.batch_size", [8, 16, 8], ["grid.batch_size", "8 more than once", "remove"]),
    ("grid.batch_size", [0], ["grid.batch_size[0] is 0", "at least 1"]),
    ("grid.batch_size", [True], ["grid.batch_size[0] is True", "a whole number"]),
    ("grid.batch_size", 8, ["grid.batch_size is 8", "a list"]),
    ("grid.learning_rate", ["3e-4", 0.0003], ["grid.learning_rate", "0.0003 more than once", "remove"]),
    ("grid.learning_rate", ["fast"], ["grid.learning_rate[0] is 'fast'", "a number"]),
    ("grid.learning_rate", [0], ["grid.learning_rate[0] is 0", "greater than 0"]),
    ("grid.learning_rate", [float("nan")], ["grid.learning_rate[0] is nan", "finite"]),
    ("grid.seed", [-1], ["grid.seed[0] is -1", "at least 0"]),
    ("training.epochs", 0, ["training.epochs is 0", "at least 1"]),
    *[
        ("training.epochs", value, [f"training.epochs is {value!r}", "set it to a whole number"])
        for value in ("2.5", "two", "true", "1_000", " 2", "٣", "1e2", "0x10", "007", "")
    ],
    *[
        ("training.weight_decay", value, [f"training.weight_decay is {value!r}", "a number, such as 3e-4"])
        for value in ("true", "1_000.5", "0.1 ", "٣", "nan", "inf", "")
    ],
    ("training.epochs", "0", ["training.epochs is 0", "at least 1"]),
    ("grid.learning_rate", ["1e999"], ["grid.learning_rate[0] is '1e999'", "a finite number"]),
    ("split", {"stratified": "yes"}, ["split.stratified is 'yes'", "set it to true or false"]),
    ("split", {"stratified": "1"}, ["split.stratified is '1'", "set it to true or false"]),
    ("split", {"stratified": 1}, ["split.stratified is 1", "set it to true or false"]),
    ("grid.batch_size", ["8", 8], ["grid.batch_size has 8 more than once"]),
    ("training.epoch", 4, ["training.epoch is not a key", "did you mean epochs?"]),
    ("training.precision", "fp8", ["training.precision is 'fp8'", "'auto', 'float32' or 'bfloat16'"]),
    ("training.weight_decay", -0.1, ["training.weight_decay is -0.1", "at least 0"]),
    ("training", 4, ["training is 4", "a section"]),
    ("split.held_out", 1.0, ["split.held_out is 1.0", "less than 1"]),
    ("limit.train", "all", ["limit.train is 'all'", "a whole number"]),
    ("label_names", ["one"], ["label_names is ['one']", "at least 2"]),
    ("data.source", "web", ["data.source is 'web'", "'package', 'files', 'hub', 'glue'"]),
    ("data.package", "no-such-package", ["data.package is 'no-such-package'", "not installed", "pip install"]),
    ("data.version", "9.9", ["data.version is '9.9'", "0.0.2", "pip install"]),
    ("data.file", "none.csv", ["data.file is 'none.csv'", "does not have", "correct"]),
    ("data.label_column", "x", ["data.label_column is not a key", "'x'", "did you mean label?"]),
    ("encoder.path", "models/none", ["encoder.path is 'models/none'", "no such folder", "correct"]),
    ("encoder.path", "rules", ["rules has no config.json", "encoder.path"]),
    ("encoder", {"source": "hub", "name": "a/b", "revision": "main"}, ["encoder.revision is 'main'", "40 hexadecimal"]),
    ("encoder", {"source": "hub", "name": "../x", "revision": "0" * 40}, ["encoder.name is '../x'", "as on the Hub"]),
]


@pytest.mark.parametrize(("key", "value", "parts"), MISTAKES, ids=[f"{key}={value}"[:50] for key, value, _ in MISTAKES])
def test_a_mistake_gets_a_sentence(config, key, value, parts):
    changed = copy.deepcopy(config)
    *sections, last = key.split(".")
    place = changed
    for section in sections:
        place = place[section]
    place[last] = value
    with pytest.raises(UserError) as error:
        load_settings(changed)
    for part in parts:
        assert part in str(error.value)


def test_a_mode_has_the_grid_s_values_where_it_has_none_of_its_own(config):
    config["grid"]["mode"] = ["full", "bitfit", "few"]
    config["modes"] = {"bitfit": {"learning_rate": ["1e-2", 3e-3]}, "few": {"random": "bitfit", "batch_size": [8]}}
    settings = load_settings(config)
    assert settings.grids["full"] == settings.grid.model_dump(exclude={"mode"})
    assert settings.grids["bitfit"] == {**settings.grids["full"], "learning_rate": [0.003, 0.01]}
    assert settings.grids["few"] == {**settings.grids["full"], "batch_size": [8]}
    assert settings.mode("few") == {"random": {"train": ["bias"]}}


@pytest.mark.parametrize("key", ["experiment", "data", "label_names", "encoder"])
def test_a_missing_key_gets_a_sentence(config, key):
    del config[key]
    with pytest.raises(UserError, match=f"^{key} is missing from the config: add it"):
        load_settings(config)


def test_every_mistake_is_told_at_once(config):
    config["max_length"] = "long"
    del config["experiment"]
    with pytest.raises(UserError) as error:
        load_settings(config)
    assert len(str(error.value).splitlines()) == 2


LONG = "a" * 96
NAMES = ["a/b", "bert-base-uncased", "a.b/C_1", "a/foo_", f"{LONG}/{LONG}", f"a/{LONG}b", "a/foo--bar", "a/x..y"]


@pytest.mark.parametrize("name", [*NAMES, "a/--b", "a/x.git", "a/b-", "a/b.", "-a/b", "a/b/c", "a/ b"])
def test_the_config_takes_the_names_that_the_hub_s_client_takes(name):
    def refused(check, error):
        try:
            check(name)
        except error:
            return True
        return False

    assert refused(TypeAdapter(HubName).validate_python, ValidationError) == refused(
        validate_repo_id, HFValidationError
    )
