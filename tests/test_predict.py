"""Predictions for a user's own table: the classifier that was exported, beside the user's columns, in their order."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from bitsweep import prediction
from bitsweep.config import load_settings
from bitsweep.errors import UserError
from bitsweep.export_choice import best_mode
from bitsweep.files import read_json
from bitsweep.prediction import Predictor, predict_table
from bitsweep.request import Request, check_names, check_targets, part_config, read_request
from bitsweep.streaming import open_table
from tests.conftest import ROOT, STARTS, Workspace
from tests.tables import EXTRA, SOURCE, TARGET, TEXTS, read_back, write_table

ADDED = ["prediction", "probability_negative", "probability_positive"]


@pytest.fixture(scope="module")
def folder(exported):
    return exported.folder / "results" / "small" / "export" / "full"


@pytest.fixture(scope="module")
def predictor(folder) -> Predictor:
    return Predictor(folder, "cpu", 1)


@pytest.fixture(scope="module")
def expected(folder) -> np.ndarray:
    """The calibrated probabilities of TEXTS as the card tells users to compute them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(**tokenizer(TEXTS, truncation=True, padding=True, return_tensors="pt")).logits
    return (logits / read_json(folder / "calibration.json")["temperature"]).softmax(-1).numpy()


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz"])
def test_every_format_keeps_its_rows_and_columns(predictor, expected, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(prediction, "CHUNK", 4)
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    write_table(source)
    said = []
    predict_table(str(source), str(target), ["text"], predictor, said.append)
    table = read_back(target)
    assert list(table) == ["id", "text", "a number", *ADDED]
    assert table["id"].tolist() == EXTRA
    assert table["text"].tolist() == TEXTS
    assert table["a number"].tolist() == pytest.approx([0.1 * n for n in range(len(TEXTS))])
    assert table[ADDED[1:]].to_numpy() == pytest.approx(expected, abs=2e-5)
    assert table["prediction"].tolist() == [("negative", "positive")[label] for label in expected.argmax(1)]
    assert said[:2] == ["4 rows predicted", "8 rows predicted"]
    assert said[-1].startswith("Warning: 3 of 15 rows have no text")
    assert sorted(path.name for path in tmp_path.iterdir()) == [source.name, target.name]


def test_a_table_is_read_a_chunk_at_a_time(tmp_path):
    """What is behind the first chunk, here a mistake, is not read with it."""
    source = tmp_path / "in.csv"
    source.write_text("text,id\n" + "a,1\n" * 100_000 + "one cell\n")
    table = open_table(str(source))
    chunks = table.chunks(1000)
    rows, places = next(chunks)
    assert table.values(rows, "text") == ["a"] * 1000
    assert places[-1] == f"{source}, line 1001"
    with pytest.raises(UserError, match=r"in.csv, line 100002 has 1 cell\(s\), but the header has 2"):
        list(chunks)


def test_a_mistake_late_in_a_table_leaves_no_half_output(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK", 2)
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a"}\n{"text": "b"}\n{"text": 7}\n')
    with pytest.raises(UserError, match=r"in.jsonl, line 3 has 7 where a text should be"):
        predict_table(str(source), str(tmp_path / "out.jsonl"), ["text"], predictor, print)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


class Coin:
    """In the place of a Predictor, where only tables matter."""

    label_names = ("a", "b")

    def columns(self, texts: list[list[str]]) -> dict[str, list]:
        rows = len(texts[0])
        return {"prediction": ["a"] * rows, "probability_a": [0.5] * rows, "probability_b": [0.5] * rows}


def test_what_other_columns_hold_comes_out_as_it_went_in(tmp_path):
    cells = ["a\rb", "\r", "a\nb", "a\r\nb", 'a"b', " ", "a"]
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "other"], *(["t", cell] for cell in cells)])
    predict_table(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), ["text"], Coin(), print)
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["other"] for row in csv.DictReader(file)] == cells
    assert (tmp_path / "out.csv").read_bytes().startswith(b"text,other,prediction,probability_a,probability_b\n")
    (tmp_path / "in.jsonl").write_text('{"id": "é"}\n{"text": "t", "id": "\\ud800"}\n')
    predict_table(str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), ["text"], Coin(), print)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["é", "\ud800"]


WRONG = {
    "no such column": ("a.csv", "body\nx\n", "a.csv has no column 'text': it has body"),
    "no such key": ("a.jsonl", '{"body": "x"}\n', "a.jsonl has no column 'text': it has body"),
    "in the way": ("a.csv", "text,prediction\nx,y\n", "a.csv has a column 'prediction', which predictions"),
    "in a late row's": (
        "a.jsonl",
        '{"text": "x"}\n' * 200 + '{"text": "x", "probability_a": 1}\n',
        "a.jsonl has a column 'probability_a', which predictions",
    ),
    "half a character": ("a.jsonl", '{"text": "x\\ud800"}\n', "line 1 has .ud800 alone, which is half a character"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_gets_a_sentence_by_hand_too(tmp_path, name):
    file, text, words = WRONG[name]
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=words):
        predict_table(str(tmp_path / file), str(tmp_path / f"out.{file}"), ["text"], Coin(), print)
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_pairs_are_read_as_pairs(predictor, folder):
    tokenizer, firsts, seconds = AutoTokenizer.from_pretrained(folder), ["A cat sat.", "b"], ["Did it?", "c d"]
    with torch.inference_mode():
        logits = predictor.model(**tokenizer(firsts, seconds, padding=True, return_tensors="pt")).logits
    columns = predictor.columns([firsts, seconds])
    assert columns["probability_negative"] == pytest.approx(
        (logits / predictor.temperature).softmax(-1)[:, 0].tolist(), abs=2e-5
    )


def test_the_best_mode_is_that_of_validation():
    def mode(score, loss):
        return {"validation_accuracy": score, "validation_loss": loss}

    selection = {"a": mode(0.7, 0.5), "b": mode(0.8, 0.6), "c": mode(0.8, 0.4), "d": None, "e": mode(0.8, 0.4)}
    assert best_mode(selection, "accuracy") == "c"
    with pytest.raises(UserError, match="No mode has a sound setting"):
        best_mode({"a": None}, "accuracy")


def test_predict_by_snakemake(exported, exported_by):
    """Trains nothing again; the request makes no other job stale; a file's name may hold what shells act on."""
    done = (exported.folder / "said.txt").read_text()
    rules = {line.split()[1].rstrip(":") for line in done.splitlines() if line.split(" ")[0] in STARTS}
    assert rules == {"export_mode", "export_delta", "export_card", "export", "choose_mode", "predict_file", "predict"}
    best = best_mode(read_json(exported.folder / "results" / "small" / "selection.json"), "accuracy")
    log = (exported.folder / "results" / "small" / "logs" / "predict_file.log").read_text()
    assert f"by the mode {best}" in log
    assert "3 of 15 rows have no text" in log
    table = pd.read_csv(exported.folder / TARGET, keep_default_na=False)
    assert table["id"].tolist() == EXTRA
    assert table["text"].tolist() == TEXTS
    assert table[ADDED[1:]].sum(axis=1).tolist() == pytest.approx([1] * len(TEXTS), abs=2e-6)
    other = {"full": "bitfit", "bitfit": "full"}[best]
    assert exported.plan("predict", *exported_by) == set()
    assert exported.plan("predict", *exported_by, f"mode={other}") == {"predict_file", "predict"}


def test_predictions_for_another_file_are_not_replaced(exported, tmp_path, monkeypatch):
    write_table(tmp_path / "in.csv")
    monkeypatch.chdir(exported.folder)
    settings = load_settings(yaml.safe_load(Path("configs/small.yaml").read_text()))
    with pytest.raises(UserError) as error:
        read_request({"input": str(tmp_path / "in.csv"), "output": TARGET}, settings, "results/small")
    assert str(error.value).startswith(f"output is {TARGET!r}, which has the predictions for another file, {SOURCE!r}:")
    same = str((exported.folder / SOURCE).resolve())
    assert read_request({"input": same, "output": TARGET}, settings, "results/small").output == TARGET


def test_a_selection_that_changes_within_the_call_predicts_by_the_new_mode(exported, exported_by, tmp_path):
    shutil.copytree(exported.folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    workspace, results = Workspace(tmp_path, made=True), tmp_path / "results" / "small"
    best = (results / "predictions" / ".mode").read_text().strip()
    other = {"full": "bitfit", "bitfit": "full"}[best]
    shutil.rmtree(results / "export" / other)
    # All runs of the best mode diverge now: there is nothing of it to export.
    workspace.config("small", modes={best: {"learning_rate": [1e30], "batch_size": [32]}})
    done = workspace.snakemake("predict", *exported_by)
    assert done.returncode == 0, done.stdout
    assert f"by the mode {other}" in (results / "logs" / "predict_file.log").read_text()


def test_braces_in_names_of_columns_and_labels_are_no_wildcards(workspace):
    config = yaml.safe_load((ROOT / "configs" / "small.yaml").read_text())
    config["data"] = {"source": "files", "train": "mine.csv", "text": "{body}", "label": "label"}
    config["label_names"] = ["{a}", "b"]
    (workspace.folder / "mine.csv").write_text("{body},label\nx,{a}\ny,b\n")
    (workspace.folder / "braces.yaml").write_text(yaml.safe_dump(config))
    arguments = ("--configfile", "braces.yaml", "--config", "input=mine.csv")
    assert {"export_mode mode=full", "predict_file"} <= workspace.plan("export", "predict", *arguments)


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.chdir(ROOT)
    return load_settings(yaml.safe_load((ROOT / "configs" / "small.yaml").read_text()))


def test_a_request_is_no_part_of_the_config():
    """But a config file that has its keys is mistaken, as with any unknown key."""
    config = {"experiment": "small", "input": "a.csv", "mode": "full"}
    assert part_config(config, {"input": "a.csv"}) == (
        {"experiment": "small", "mode": "full"},
        {"input": "a.csv"},
    )


def test_a_request_names_the_table_to_write(settings, tmp_path):
    (tmp_path / "a.b.csv").write_text("text\nx\n")
    request = read_request({"input": str(tmp_path / "a.b.csv")}, settings, "results/small")
    assert request == Request(str(tmp_path / "a.b.csv"), "results/small/predictions/a.b.csv", ["text"], None)


MISTAKES = {
    "no input": ({"mode": "full"}, ["input is missing", "--config input=FILE"]),
    "no such file": ({"input": "none.csv"}, ["input is 'none.csv'", "correct the path"]),
    "a folder": ({"input": "."}, ["input is '.'", "a folder"]),
    "another suffix": ({"input": "a.xlsx"}, ["a.xlsx has none of the suffixes .csv, .tsv", "convert"]),
    "no such column": (
        {"input": "wrong.csv"},
        ["data.text is 'text'", "wrong.csv does not have", "did you mean 'Text'?"],
    ),
    "twice the column": ({"input": "twice.csv"}, ["twice.csv has more than one column 'text'", "rename"]),
    "empty": ({"input": "empty.csv"}, ["empty.csv is empty", "header"]),
    "in the way": ({"input": "again.csv"}, ["again.csv has a column 'prediction'", "rename or remove"]),
    "another encoding": ({"input": "latin.csv"}, ["latin.csv, line 2", "no UTF-8: save the file as UTF-8"]),
    "no JSON": ({"input": "a.jsonl"}, ["a.jsonl, line 1 is no JSON"]),
    "no Parquet": ({"input": "a.parquet"}, ["a.parquet cannot be read as Parquet"]),
    "no such mode": ({"input": "good.csv", "mode": "bitfits"}, ["mode is 'bitfits'", "did you mean bitfit?"]),
    "another format": ({"input": "good.csv", "output": "x.tsv"}, ["output is 'x.tsv'", "end in .csv"]),
    "itself": ({"input": "good.csv", "output": "./good.csv"}, ["output is 'good.csv', the input itself"]),
    "not ours": ({"input": "good.csv", "output": "wrong.csv"}, ["output is 'wrong.csv'", "not made by predict"]),
    "braces": ({"input": "good.csv", "output": "{x}.csv"}, ["output is '{x}.csv'", "braces"]),
    "braces in it": ({"input": "{x}.csv"}, ["input is '{x}.csv'", "braces", "rename"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_a_sentence_before_anything_runs(settings, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    files = {"good.csv": "text\na\n", "wrong.csv": "Text\na\n", "twice.csv": "text,text\na,b\n", "empty.csv": ""}
    files |= {"again.csv": "text,prediction\na,b\n", "a.xlsx": "", "a.jsonl": "text", "a.parquet": "PAR1"}
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    (tmp_path / "latin.csv").write_bytes("text\nfür\n".encode("latin-1") * 9)
    asked, words = MISTAKES[name]
    with pytest.raises(UserError) as error:
        read_request(asked, settings, "results/small")
    assert all(word in str(error.value) for word in words), error.value


def test_names_that_would_not_reach_a_cluster_s_jobs_get_a_sentence():
    for name in ("it's ~ ü.csv", '$(mine) `x` "y".csv', "a; b & c*.csv"):
        # What Snakemake writes into a job's script.
        said = subprocess.run(["bash", "-c", f"printf %s {name!r}"], capture_output=True, text=True, check=True)
        assert said.stdout == name
        check_names(Request(name, "b.csv", ["text"], None))
    for name in (SOURCE, "a\\b.csv", "'\".csv", "\x85.csv"):
        with pytest.raises(UserError, match=r"output is .*loses on the way to a cluster's jobs"):
            check_names(Request("a.csv", name, ["text"], None))


def test_a_request_for_another_target_gets_a_sentence():
    request = Request("a.csv", "b.csv", ["text"], None)
    check_targets(request, {"predict"})
    check_targets(None, set())
    with pytest.raises(UserError, match=r"input is 'a.csv', which only the target predict takes"):
        check_targets(request, set())
