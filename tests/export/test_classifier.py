"""An exported folder: what transformers loads from it computes what the run computed."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import pipeline

from bitsweep.data.provenance import add_commit, add_source
from bitsweep.errors import UserError
from bitsweep.export.calibration import calibration_error, fit_temperature
from bitsweep.export.classifier import compare_logits, delta_of, merge, save_classifier, save_tokenizer
from bitsweep.export.model_card import delta_section
from bitsweep.export.run_choice import chosen_run
from bitsweep.files import read_json, write_json
from bitsweep.model.classifier import build_classifier, save_trained
from bitsweep.model.modes import BUILT_IN, adapt, freeze
from tests.helpers.programs import run_program
from tests.helpers.workspace import ROOT


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


@pytest.mark.parametrize("mode", ["bitfit", "lora", "random"])
def test_a_merged_classifier_and_a_delta_make_the_same_logits(encoder, tmp_path, mode, monkeypatch):
    model = build_classifier(encoder, 3, seed=7)
    adapt(model, BUILT_IN[mode], 7)
    trained = freeze(model, BUILT_IN[mode], 7)
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in trained.tensors.values():
            tensor += 0.1 * torch.randn_like(tensor)
    trained.write_back()
    words = torch.arange(1000, 1040).view(2, 20)
    with torch.inference_mode():
        expected = model.eval()(words).logits
    pretrained = set(load_file(encoder / "model.safetensors"))
    save_trained(tmp_path / "delta.safetensors", delta_of(model, BUILT_IN[mode], 7, pretrained), {})
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
    with pytest.raises(UserError, match=r"every setting of the mode full a run diverged.*remove full from grid.mode"):
        chosen_run({"full": None}, "full")


@pytest.mark.parametrize(("precision", "rounding"), [("float32", 1e-5), ("bfloat16", 0.01)])
@pytest.mark.parametrize("examples", [1, 8])
def test_one_text_or_one_answer_to_all_may_differ_by_rounding(precision, rounding, examples):
    evaluation = pd.DataFrame({"logit_0": [-0.7] * examples, "logit_1": [0.9] * examples})
    logits = evaluation.to_numpy(np.float32)
    assert compare_logits(logits + np.float32(rounding), evaluation, precision)["labels_that_differ"] == 0
    with pytest.raises(UserError, match="If they still differ, "):
        compare_logits(logits + np.float32(100 * rounding), evaluation, precision)
