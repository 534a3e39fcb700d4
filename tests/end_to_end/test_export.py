"""What is taken home: it loads as it is, it is the classifier that was evaluated, and its card runs."""

import importlib.util
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from bitsweep.data.tokenizer import load_tokenizer
from bitsweep.errors import UserError
from bitsweep.export.classifier import compare_logits, save_tokenizer
from bitsweep.files import read_json, write_json
from bitsweep.metrics import METRICS
from tests.helpers.programs import run_program

BOTH = ("full", "bitfit")


@pytest.fixture
def folders(exported) -> dict:
    return {mode: exported.folder / "results" / "small" / "export" / mode for mode in BOTH}


@pytest.mark.parametrize("mode", BOTH)
def test_an_exported_folder_is_the_classifier_that_was_evaluated(exported, folders, mode):
    """From the texts of the test split on, with nothing but transformers."""
    results = exported.folder / "results" / "small"
    model = AutoModelForSequenceClassification.from_pretrained(folders[mode])
    tokenizer = AutoTokenizer.from_pretrained(folders[mode])
    assert model.dtype == torch.float32
    texts = pd.read_parquet(results / "data" / "test.parquet")["text"].tolist()[:64]
    with torch.inference_mode():
        logits = model(**tokenizer(texts, truncation=True, padding=True, return_tensors="pt")).logits.numpy()
    evaluation = pd.read_csv(results / "evaluation" / f"{mode}.csv")
    expected = evaluation[["logit_0", "logit_1"]].to_numpy()
    # Where the evaluation is in bfloat16, it keeps 8 bits.
    precision = read_json(results / "precision.json")["precision"]
    assert np.abs(logits - expected).max() < (1e-5 if precision == "float32" else 0.01)

    classify = pipeline("text-classification", str(folders[mode]), truncation=True)
    labels = [answer["label"] for answer in classify(texts, batch_size=16)]
    assert labels == [("negative", "positive")[label] for label in logits.argmax(1)]


def test_a_card_tells_the_numbers_and_its_programs_run(exported, folders, monkeypatch, capsys):
    monkeypatch.chdir(exported.folder)
    card = ModelCard.load(folders["bitfit"] / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.pipeline_tag == "text-classification"
    summary = read_json(exported.folder / "results" / "small" / "report" / "summary.json")["modes"]["bitfit"]
    for split in ("validation", "test"):
        told = [result.metric_value for result in card.data.eval_results if result.dataset_split == split]
        assert told == [round(summary[split][name], 6) for name in METRICS if name != "f1"]
        low, high = summary[split]["accuracy_interval"]
        assert f"({100 * low:.2f} to {100 * high:.2f} %)" in card.text
    text = card.text.replace("path/to/this/folder", str(folders["bitfit"]))
    run_program(text, "Use")
    assert re.search(r"'label': '(negative|positive)'", capsys.readouterr().out)
    probabilities = run_program(text, "Calibration")["probabilities"]
    assert probabilities.sum().item() == pytest.approx(1)
    model = run_program(text, "The delta alone")["model"]
    whole = load_file(folders["bitfit"] / "model.safetensors")
    assert all(torch.equal(tensor, whole[name]) for name, tensor in model.state_dict().items())
    assert (folders["bitfit"] / "delta.safetensors").stat().st_size < 20_000
    assert not (folders["full"] / "delta.safetensors").exists()


def test_calibration_is_fitted_on_validation_and_told_of_test(folders):
    calibration = read_json(folders["full"] / "calibration.json")
    assert calibration["fitted_on"] == "validation"
    assert calibration["validation"]["loss_after"] <= calibration["validation"]["loss_before"]
    assert calibration["validation"]["examples"] == calibration["test"]["examples"] == 64


def test_only_names_of_labels_make_the_export_stale(exported):
    config = exported.folder / "configs" / "small.yaml"
    renamed = config.with_name("renamed.yaml")
    renamed.write_text(config.read_text().replace("[negative, positive]", "[bad, good]"))
    assert exported.plan("export", "--configfile", config) == set()
    plan = exported.plan("export", "--configfile", renamed)
    assert plan - {"export"} == {f"{rule} mode={mode}" for rule in ("export_mode", "export_card") for mode in BOTH}


def test_a_classifier_that_is_not_the_evaluated_one_is_refused(folders, exported):
    evaluation = pd.read_csv(exported.folder / "results" / "small" / "evaluation" / "full.csv")
    logits = evaluation[["logit_0", "logit_1"]].to_numpy(np.float32)
    assert compare_logits(logits, evaluation, "bfloat16")["labels_that_differ"] == 0
    with pytest.raises(UserError, match="differ from the evaluation's by up to"):
        compare_logits(logits[::-1], evaluation, "bfloat16")


def test_an_exported_tokenizer_cuts_and_pads_as_training_does(encoder, tmp_path):
    other = shutil.copytree(encoder, tmp_path / "encoder")
    settings = read_json(other / "tokenizer_config.json")
    write_json(other / "tokenizer_config.json", {**settings, "truncation_side": "left", "padding_side": "left"})
    save_tokenizer(other, 8, True, tmp_path)
    shutil.copy(encoder / "config.json", tmp_path)
    texts = ["one two three four five six seven eight", "one"]
    exported = AutoTokenizer.from_pretrained(tmp_path)(texts, truncation=True, padding=True)["input_ids"]
    trained = [encoding.ids for encoding in load_tokenizer(other, 8).encode_batch(texts)]
    assert exported == [ids + [0] * (8 - len(ids)) for ids in trained]


def test_without_the_extra_onnx_gets_a_sentence(folders, results, tmp_path, exported):
    if importlib.util.find_spec("onnxruntime"):
        pytest.skip("requirements-onnx.txt is installed here")
    arguments = ["--classifier", folders["full"], "--test", results / "tokens" / "test.safetensors"]
    done = exported.script("scripts.convert_mode", *arguments, "--output", tmp_path / "model.onnx")
    assert done.returncode == 1
    assert re.match(r"Error: ONNX needs the package \w+, which is not installed: .*requirements-onnx.txt", done.stderr)


def test_onnx_gives_the_same_logits(folders, results, tmp_path, exported):
    pytest.importorskip("onnxruntime", reason="requirements-onnx.txt is not installed")
    import onnxruntime

    arguments = ["--classifier", folders["full"], "--test", results / "tokens" / "test.safetensors"]
    done = exported.script("scripts.convert_mode", *arguments, "--output", tmp_path / "model.onnx")
    assert done.returncode == 0, done.stderr
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    model = AutoModelForSequenceClassification.from_pretrained(folders["full"])
    inputs = AutoTokenizer.from_pretrained(folders["full"])(
        ["One.", "Two, and more."], padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        expected = model(**inputs).logits.numpy()
    (logits,) = session.run(["logits"], {name: ids.numpy() for name, ids in inputs.items()})
    assert logits == pytest.approx(expected, abs=1e-5)
