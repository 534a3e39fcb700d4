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

from bitsweep.calibration import calibration_error, fit_temperature
from bitsweep.card import delta_section
from bitsweep.errors import UserError
from bitsweep.export import compare_logits, delta_of, merge, save_classifier, save_tokenizer
from bitsweep.export_choice import chosen_run
from bitsweep.files import read_json, write_json
from bitsweep.metrics import METRICS
from bitsweep.model import build_classifier, save_trained
from bitsweep.modes import BUILT_IN, adapt, freeze
from bitsweep.pinned import add_commit, add_source
from bitsweep.recipe import Recipe
from bitsweep.tokenization import load_tokenizer
from tests.conftest import ROOT

BOTH = ("full", "bitfit")


@pytest.fixture
def folders(exported) -> dict:
    return {mode: exported.folder / "results" / "small" / "export" / mode for mode in BOTH}


def run_program(text: str, heading: str, **names) -> dict:
    """Runs the Python program under a heading of a card."""
    program = re.search(rf"## {heading}\n.*?```python\n(.*?)```", text, flags=re.S)[1]
    exec(program, names)
    return names


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


def test_a_card_names_the_commits_that_were_taken(tmp_path):
    write_json(tmp_path / "pinned.json", {"a/b": "f" * 40})
    encoder = {"source": "hub", "name": "a/b", "revision": None}
    experiment = {"encoder": "a/b", "data": "c/d", "sources": {"encoder": encoder}, "trains": {}, "label_names": "xy"}
    experiment |= {"test_split": "official"}
    assert "revision" not in "".join(delta_section({"experiment": experiment}, "here"))
    add_commit(experiment, tmp_path / "pinned.json")
    add_source(experiment, {"revision": "e" * 40})
    assert (experiment["encoder"], experiment["data"]) == (f"a/b at {'f' * 40}", f"c/d at {'e' * 40}")
    section = "".join(delta_section({"experiment": experiment}, "here"))
    assert f'"a/b", revision="{"f" * 40}", num_labels=2, ignore_mismatched_sizes=True' in section


def test_an_earlier_task_of_the_encoder_leaves_nothing_in_the_export(encoder, tmp_path):
    model = build_classifier(encoder, 2, seed=1)
    model.config.problem_type = "multi_label_classification"
    model.config.function_to_apply = "none"
    model.config.task_specific_params = {"text-classification": {"function_to_apply": "sigmoid"}}
    save_classifier(model, ["no", "yes"], tmp_path)
    save_tokenizer(encoder, 16, True, tmp_path)
    assert not {"function_to_apply", "task_specific_params"} & read_json(tmp_path / "config.json").keys()
    (answers,) = pipeline("text-classification", str(tmp_path), top_k=None)(["A text."])
    assert sum(answer["score"] for answer in answers) == pytest.approx(1)


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


@pytest.mark.parametrize("mode", ["bitfit", "lora", "random"])
def test_a_merged_classifier_and_a_delta_make_the_same_logits(encoder, tmp_path, mode, monkeypatch):
    recipe = Recipe(BUILT_IN[mode], 8, 1e-3, 7, None, "accuracy", 1, 0.0, 1.0, "float32", "cpu", 1)
    model = build_classifier(encoder, 3, seed=7)
    adapt(model, recipe.mode, recipe.seed)
    trained = freeze(model, recipe.mode, recipe.seed)
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in trained.tensors.values():
            tensor += 0.1 * torch.randn_like(tensor)
    trained.write_back()
    words = torch.arange(1000, 1040).view(2, 20)
    with torch.inference_mode():
        expected = model.eval()(words).logits
    pretrained = set(load_file(encoder / "model.safetensors"))
    save_trained(tmp_path / "delta.safetensors", delta_of(model, recipe, pretrained), {})
    assert (tmp_path / "delta.safetensors").stat().st_size < 60_000
    plain = merge(model).eval()
    monkeypatch.chdir(ROOT)
    experiment = {"sources": {"encoder": {"source": "folder", "path": "models/bert-tiny"}}, "trains": BUILT_IN[mode]}
    section = "\n".join(delta_section({"experiment": {**experiment, "label_names": "abc"}}, str(tmp_path)))
    rebuilt = run_program(section, "The delta alone")["model"].eval()
    with torch.inference_mode():
        assert plain(words).logits == pytest.approx(expected, abs=1e-5)
        assert rebuilt(words).logits == pytest.approx(expected, abs=1e-5)


def test_temperature_and_calibration_error_are_what_they_are_called():
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (chances.cumsum(1) > random.random((20_000, 1))).argmax(1)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.05)
    assert calibration_error(chances, labels) < 0.02
    # Two bins: 0.9 sure and half right, 0.6 sure and all right.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert calibration_error(probabilities, np.array([0, 1, 0, 0])) == pytest.approx((0.4 + 0.4) / 2)
    # All right: no optimum, but a bound.
    assert fit_temperature(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])) == pytest.approx(0.05, rel=0.01)


def test_of_several_seeds_the_first_is_taken_and_of_none_nothing():
    runs = [{"seed": 1, "path": "a"}, {"seed": 2, "path": "b"}]
    assert chosen_run({"full": {"runs": runs}}, "full") == runs[0]
    with pytest.raises(UserError, match=r"No setting of the mode full was sound.*remove it from grid.mode"):
        chosen_run({"full": None}, "full")


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


@pytest.mark.parametrize(("precision", "rounding"), [("float32", 1e-5), ("bfloat16", 0.01)])
@pytest.mark.parametrize("examples", [1, 8])
def test_one_text_or_one_answer_to_all_may_differ_by_rounding(precision, rounding, examples):
    evaluation = pd.DataFrame({"logit_0": [-0.7] * examples, "logit_1": [0.9] * examples})
    logits = evaluation.to_numpy(np.float32)
    assert compare_logits(logits + np.float32(rounding), evaluation, precision)["labels_that_differ"] == 0
    with pytest.raises(UserError, match="If they still differ, "):
        compare_logits(logits + np.float32(100 * rounding), evaluation, precision)


def test_without_the_extra_onnx_gets_a_sentence(folders, results, tmp_path, exported):
    if importlib.util.find_spec("onnxruntime"):
        pytest.skip("requirements-onnx.txt is installed here")
    arguments = ["--classifier", folders["full"], "--test", results / "tokens" / "test.safetensors"]
    done = exported.script("convert_mode", *arguments, "--output", tmp_path / "model.onnx")
    assert done.returncode == 1
    assert re.match(r"Error: ONNX needs the package \w+, which is not installed: .*requirements-onnx.txt", done.stderr)


def test_onnx_gives_the_same_logits(folders, results, tmp_path, exported):
    pytest.importorskip("onnxruntime", reason="requirements-onnx.txt is not installed")
    import onnxruntime

    arguments = ["--classifier", folders["full"], "--test", results / "tokens" / "test.safetensors"]
    done = exported.script("convert_mode", *arguments, "--output", tmp_path / "model.onnx")
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
