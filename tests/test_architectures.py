"""The loop on other encoders that transformers classifies sequences with: small ones, drawn at random."""

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification

from bitsweep.batches import predict, prepare
from bitsweep.dropout import CheapDropout
from bitsweep.model import build_classifier
from bitsweep.training import train
from tests.test_training import make_recipe, make_tokens

SIZES = {
    "vocab_size": 9000,
    "hidden_size": 32,
    "embedding_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
KINDS = {
    "bert": {},
    "roberta": {"type_vocab_size": 1},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "electra": {},
    "albert": {},
    "mpnet": {},
    "xlm-roberta": {"type_vocab_size": 1},
    "deberta-v2": {
        "relative_attention": True,
        "pos_att_type": ["c2p", "p2c"],
        "position_buckets": 16,
        "max_relative_positions": 32,
    },
    "modernbert": {"cls_token_id": 101, "sep_token_id": 102, "bos_token_id": 101, "eos_token_id": 102},
}


@pytest.fixture(params=KINDS)
def folder(request, tmp_path):
    sizes = {key: value for key, value in SIZES.items() if request.param != "distilbert" or key != "hidden_size"}
    config = AutoConfig.for_model(request.param, **{**sizes, **KINDS[request.param]})
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config)
    config.save_pretrained(tmp_path)
    pretrained = {key: tensor.clone() for key, tensor in model.state_dict().items() if not key.startswith("classifier")}
    save_file(pretrained, tmp_path / "model.safetensors")
    return tmp_path


def test_an_encoder_trains_and_repeats(folder):
    tokens, recipe = make_tokens(64, longest=20), make_recipe(learning_rate=3e-3, epochs=4)
    first, second = (train(build_classifier(folder, 2, 1), tokens, tokens, recipe, log=lambda line: None) for _ in "ab")
    assert first.history == second.history
    assert first.history[-1]["train_loss"] < first.history[0]["train_loss"]


def test_prediction_does_not_depend_on_the_padding_of_its_batch(folder):
    tokens, recipe = make_tokens(20), make_recipe()
    model = build_classifier(folder, 2, 1)
    prepare(model, recipe)
    together = predict(model, tokens, recipe)
    plain = build_classifier(folder, 2, 1).eval()
    assert not any(isinstance(module, CheapDropout) for module in plain.modules())
    for index in range(len(tokens)):
        batch = tokens.padded([index], 0)
        inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
        torch.testing.assert_close(plain(**inputs).logits[0], together[index], rtol=1e-3, atol=1e-5)
