"""Predictions for a user's own table: the classifier that was exported, beside the user's columns, in their order."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from bitsweep.config.load import load_settings
from bitsweep.errors import UserError
from bitsweep.export import predict as prediction
from bitsweep.export.predict import Predictor, predict_table
from bitsweep.export.run_choice import best_mode
from bitsweep.files import read_json
from bitsweep.workflow.predict_request import read_request
from tests.helpers.tables import EXTRA, SOURCE, TARGET, TEXTS, read_back, write_table
from tests.helpers.workspace import ROOT, STARTS, Workspace

ADDED = ["prediction", "probability_negative", "probability_positive"]


@pytest.fixture(scope="module")
def folder(exported):
    return exported.folder / "results" / "small" / "export" / "full"


@pytest.fixture(scope="module")
def predictor(folder) -> Predictor:
    return Predictor(folder, "cpu", 1)


@pytest.fixture(scope="module")
def expected(folder) -> np.ndarray:
    """Return the calibrated probabilities of TEXTS as the card tells users to compute them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(**tokenizer(TEXTS, truncation=True, padding=True, return_tensors="pt")).logits
    return (logits / read_json(folder / "calibration.json")["temperature"]).softmax(-1).numpy()


def test_by_hand_only_sentences_are_shown(exported, tmp_path):
    (tmp_path / "in.csv").write_text("text\nA dull film.\n")
    classifiers = ("--classifiers", "results/small/export", "--mode", "full")
    done = exported.script(
        "scripts.predict_file", *classifiers, "--input", tmp_path / "in.csv", "--output", tmp_path / "o.csv"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Predicting with the mode full.\n1 rows predicted\n"


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


def test_a_mistake_late_in_a_table_leaves_no_half_output(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK", 2)
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a"}\n{"text": "b"}\n{"text": 7}\n')
    with pytest.raises(UserError, match=r"in.jsonl, line 3 has 7 where a text should be"):
        predict_table(str(source), str(tmp_path / "out.jsonl"), ["text"], predictor, print)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_pairs_are_read_as_pairs(predictor, folder):
    tokenizer, firsts, seconds = AutoTokenizer.from_pretrained(folder), ["A cat sat.", "b"], ["Did it?", "c d"]
    with torch.inference_mode():
        logits = predictor.model(**tokenizer(firsts, seconds, padding=True, return_tensors="pt")).logits
    columns = predictor.columns([firsts, seconds])
    assert columns["probability_negative"] == pytest.approx(
        (logits / predictor.temperature).softmax(-1)[:, 0].tolist(), abs=2e-5
    )


def test_predict_by_snakemake(exported, exported_by):
    """Trains nothing again; the request makes no other job stale; a file's name may hold what shells act on."""
    done = (exported.folder / "said.txt").read_text()
    rules = {line.split()[1].rstrip(":") for line in done.splitlines() if line.split(" ")[0] in STARTS}
    assert rules == {"export_mode", "export_delta", "export_card", "export", "choose_mode", "predict_file", "predict"}
    best = best_mode(read_json(exported.folder / "results" / "small" / "selection.json"), "accuracy")
    log = (exported.folder / "results" / "small" / "logs" / "predict_file.log").read_text()
    assert f"with the mode {best}" in log
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
    assert f"with the mode {other}" in (results / "logs" / "predict_file.log").read_text()


def test_braces_in_names_of_columns_and_labels_are_no_wildcards(workspace):
    config = yaml.safe_load((ROOT / "configs" / "small.yaml").read_text())
    config["data"] = {"source": "files", "train": "mine.csv", "text": "{body}", "label": "label"}
    config["label_names"] = ["{a}", "b"]
    (workspace.folder / "mine.csv").write_text("{body},label\n" + "x,{a}\ny,b\n" * 10)
    (workspace.folder / "braces.yaml").write_text(yaml.safe_dump(config))
    arguments = ("--configfile", "braces.yaml", "--config", "input=mine.csv")
    assert {"export_mode mode=full", "predict_file"} <= workspace.plan("export", "predict", *arguments)
