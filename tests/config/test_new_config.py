"""A config for a user's own table: what stands in it is the table's, and the sweep fits the time."""

import shlex
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, ModernBertConfig

from bitsweep.config.new_config import GRIDS, choose_plan, config_text, name_for
from bitsweep.config.questions import check_encoder, check_file
from bitsweep.data.table_survey import Survey, choose_max_length, look_at, suggest_columns
from bitsweep.errors import UserError
from bitsweep.training.measured_speed import fitting_modes
from tests.helpers.new_config import COLUMNS, ENVIRONMENT, LABELS, call, write_table
from tests.helpers.unreadable import chinese_rows
from tests.helpers.workspace import ROOT

MODES = ["full", "bitfit"]
SIZES = {"train": 8000, "validation": 1000, "test": 1000}


def test_without_a_terminal_a_sentence_tells_the_flags(tmp_path):
    done = call(tmp_path, "--file", "a.csv")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: --text is missing, and there is no terminal")
    assert "make new FILE=mine.csv TEXT=column LABEL=column" in done.stderr


def test_make_takes_names_as_they_are(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / ".venv" / "installed").touch()
    name = "it's $HOME $(shell touch made) `touch made` #1.csv"
    (tmp_path / name).write_text("text,label\n")
    done = subprocess.run(
        ["make", "new", f"FILE={name}", "TEXT=$(shell touch made)", "LABEL=label"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert f"Error: --text is '$(shell touch made)', a column that {name} does not have: set the key" in done.stderr
    assert not (tmp_path / "made").exists()


def test_an_encoder_that_cannot_read_the_texts_is_refused(tmp_path):
    pd.DataFrame(chinese_rows(300), columns=["text", "label"]).to_csv(tmp_path / "a.csv", index=False)
    encoder = ("--encoder", ROOT / "models" / "bert-tiny")
    done = call(tmp_path, "--file", "a.csv", "--text", "text", "--label", "label", *encoder)
    assert done.returncode == 1
    assert "77 % of the word pieces of the 300 texts are unknown to the encoder" in done.stderr
    assert "name an --encoder that knows their language" in done.stderr
    assert not (tmp_path / "configs").exists()


def test_labels_and_texts_are_the_table_s(tmp_path):
    table = tmp_path / "a.csv"
    write_table(table)
    assert suggest_columns(str(table)) == COLUMNS[1:]
    survey = look_at(str(table), *COLUMNS[1:])
    assert survey.labels == {LABELS[1]: 100, LABELS[0]: 200}
    assert (survey.rows, survey.empty, len(set(survey.texts))) == (300, 0, 300)
    pairs = look_at(str(table), COLUMNS[1], COLUMNS[2], pair=COLUMNS[0])
    assert len(pairs.texts[0]) == 2


def test_labels_that_are_numbers_stay_in_order(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "t", "stars": {stars}}}\n' for stars in (10, 2, 1, 10)))
    assert list(look_at(str(path), "text", "stars").labels) == [1, 2, 10]


def test_labels_are_numbers_only_as_the_sweep_reads_them(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"t,{label}\n" for label in ("01", "02", "+3", "-4", "5", "0")))
    assert list(look_at(str(path), "text", "label").labels) == [-4, 0, 5, "+3", "01", "02"]


def test_half_a_character_is_no_label(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "t", "label": "x\\ud800"}\n')
    with pytest.raises(UserError, match=r"line 1 has .ud800 alone, which is half a character"):
        look_at(str(path), "text", "label")


def test_a_pair_without_one_of_its_texts_counts_as_empty(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,other,label\na,b,0\na,,1\n,b,1\n")
    assert look_at(str(path), "text", "label", "other").empty == 2


def test_what_no_config_can_name_gets_a_sentence(tmp_path):
    (tmp_path / "{x}.csv").write_text("text,label\n")
    columns = ("--text", "text", "--label", "label")
    braces = call(tmp_path, "--file", "{x}.csv", *columns)
    assert braces.stderr.startswith("Error: --file is '{x}.csv', but Snakemake reads braces as wildcards: rename")
    (tmp_path / f"{'a' * 101}.csv").write_text("text,label\n" + "a,0\nb,1\n" * 20)
    long = call(tmp_path, "--file", f"{'a' * 101}.csv", *columns)
    assert long.stderr.endswith("has 101 characters: give one of at most 100 by --name.\n")
    with pytest.raises(UserError, match="control characters"):
        check_file("a\0.csv")
    for name in ("a" * 300, "ü/x y", "a/b/c", "models\0"):
        with pytest.raises(UserError, match="neither a folder here nor a name on the Hub"):
            check_encoder(name)
    check_encoder("bert-base-uncased")


def test_too_few_rows_get_a_sentence_and_an_earlier_config_hides_nothing(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.yaml").touch()
    shutil.copytree(ROOT / "models", tmp_path / "models")
    table, columns = tmp_path / "a.csv", ("--file", "a.csv", "--text", "text", "--label", "label")
    table.write_text("text,label\n" + "a,x\n" * 60 + "b,y\n" * 3)
    few = call(tmp_path, *columns)
    assert few.stderr.startswith("Error: a.csv has 63 rows of 2 labels, 3 of them with label 'y', too few to train,")
    table.write_text("text,label\n" + "".join(f"a,{n % 20}\n" for n in range(100)))
    assert "a.csv has 100 rows of 20 labels, 5 of them with label 0, too few" in call(tmp_path, *columns).stderr
    table.write_text("text,label\na,x\nb,\n")
    assert call(tmp_path, *columns).stderr.startswith("Error: a.csv, line 3 has no label")
    table.write_text("text,label\n" + "a,x\nb,y\n" * 21 + "a,x\n")
    again = call(tmp_path, *columns)
    assert "of so few rows, 34 train, 4 validate and 5 test" in again.stdout
    assert again.stderr.startswith("Error: configs/a.yaml exists: delete it")


BAD = {
    "one label": ("text,label\na,x\nb,x\n", "one value, 'x'"),
    "no rows": ("text,label\n", "no row"),
    "no such column": ("text,klass\na,x\n", "--label is 'label', a column that "),
    "missing": ("text,label\na,x\nb,\n", "line 3 has no label"),
    "all different": ("text,label\n" + "".join(f"a,x{n}\n" for n in range(1100)), "more than 1000 values"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_table_that_cannot_be_classified_gets_a_sentence(tmp_path, name):
    text, words = BAD[name]
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError) as error:
        look_at(str(tmp_path / "a.csv"), "text", "label")
    assert words in str(error.value)


def test_max_length_cuts_few_and_fits_the_encoder():
    lengths = np.arange(1, 1001)
    chosen = choose_max_length(lengths, lambda length: True)
    assert chosen % 8 == 0
    assert (lengths > chosen).mean() < 0.05
    assert choose_max_length(lengths, lambda length: length <= 512) == 512
    assert choose_max_length(np.array([3, 4]), lambda length: True) == 16


def test_the_plan_fits_the_time():
    def seconds(grids: dict, sizes: dict) -> float:
        return sum(len(grid["batch_size"]) * len(grid["learning_rate"]) for grid in grids.values()) * sizes["train"]

    plans = [choose_plan(SIZES, 128, budget, seconds, MODES) for budget in (1e3, 2e4, 4e4, 1e9)]
    assert [plan.seconds <= budget for plan, budget in zip(plans, (1e3, 2e4, 4e4, 1e9), strict=True)] == [True] * 4
    assert plans[0].train_limit < 300
    assert [plan.train_limit for plan in plans[1:]] == [None] * 3
    assert plans[-1].grids["full"]["batch_size"] == GRIDS[-1][0]
    assert max(plans[-1].grids["full"]["learning_rate"]) > max(
        choose_plan(SIZES, 768, 1e9, seconds, MODES).grids["full"]["learning_rate"]
    )


def test_an_encoder_without_biases_gets_modes_that_fit(encoder, tmp_path):
    sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = ModernBertConfig(**sizes, num_attention_heads=2, pad_token_id=0)
    config.save_pretrained(tmp_path)
    model = AutoModelForSequenceClassification.from_config(config)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert fitting_modes(encoder, 2) == MODES
    modes = fitting_modes(tmp_path, 2)
    plan = choose_plan(SIZES, 128, 1e9, lambda grids, sizes: 1.0, modes)
    data, chosen = {"train": "a.csv", "text": "t", "label": "l"}, {"source": "folder", "path": "models/bert-tiny"}
    text = config_text("x", data, Survey(100, {"a": 90, "b": 10}, ["t"], 0), chosen, 64, 0.01, plan)
    config = yaml.safe_load(text)
    assert config["grid"]["mode"] == ["full", "head"] == modes
    assert list(config["modes"]) == ["head"]


@pytest.mark.parametrize(
    "label", ["'", '"', "a: b", "# c", "{x}", "null", "é\n\r%", "- ", "\x7f\x80\x85\u2028\ufeff\x1b😀", "01"]
)
def test_whatever_labels_hold_the_config_reads_it_back(label):
    survey = Survey(100, {"a": 90, label: 10}, ["t"], 0)
    plan = choose_plan(SIZES, 128, 1e9, lambda grids, sizes: 1.0, MODES)
    data = {"train": label, "text": label, "label": label}
    text = config_text("x", data, survey, {"source": "folder", "path": label}, 64, 0.01, plan)
    config = yaml.safe_load(text)
    assert config["label_names"] == config["data"]["values"] == ["a", label]
    assert config["data"]["train"] == config["encoder"]["path"] == label
    assert config["metric"] == "macro_f1"


def test_an_experiment_s_name_is_made_from_the_file_s():
    assert [name_for(path) for path in ("a/b c.csv", "x.jsonl.gz", "./$(é).tsv")] == ["b-c", "x", "mine"]
