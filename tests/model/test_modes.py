"""Modes: exactly what each trains, on the reference's encoder and on others, and that nothing else moves."""

import copy
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
)

from bitsweep.data.tokens import load_tokens
from bitsweep.errors import UserError
from bitsweep.files import read_json
from bitsweep.metrics import score_predictions
from bitsweep.model.classifier import build_classifier
from bitsweep.model.modes import BUILT_IN, adapt, freeze
from bitsweep.selection.test_scores import rebuild_classifier
from bitsweep.training.batches import predict, prepare
from bitsweep.training.loop import train
from bitsweep.training.run import draw_training_set, train_run
from tests.helpers.training import PLAIN, make_recipe, make_tokens

# BERT-tiny with a head of two labels: 4,386,178 parameters. 3,074 and 3,330 are the reference's and the BitFit paper's.
COUNTS = {
    "full": 4_386_178,
    "bitfit": 3_074,
    "bitfit_head": 3_330,
    # Two layers' queries (128) and first feed-forward layers (512), and the head.
    "bitfit_subset": 2 * (128 + 512) + 258,
    "head": 128 * 2 + 2,
    # Five normalizations of 128: the embeddings', two a layer.
    "layernorm": 5 * 2 * 128 + 258,
    # Queries and values of two layers, 8 x 128 and 128 x 8 each.
    "lora": 2 * 2 * 2 * 8 * 128 + 258,
    "random": 3_074,
}


def trained(model: torch.nn.Module, mode: str, seed: int = 1):
    adapt(model, BUILT_IN[mode], seed)
    return freeze(model, BUILT_IN[mode], seed)


@pytest.mark.parametrize("mode", BUILT_IN)
def test_counts_are_exact(encoder, mode):
    assert trained(build_classifier(encoder, 2, 1), mode).count == COUNTS[mode]


def test_counts_are_those_of_transformers_own_model(encoder):
    """Told from the model class and its modules, not from names."""
    model = BertForSequenceClassification(BertConfig.from_pretrained(encoder, num_labels=2))
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    norms = [module for module in model.modules() if isinstance(module, torch.nn.LayerNorm)]
    biases = sum(module.bias.numel() for module in linear + norms)
    head = sum(parameter.numel() for parameter in model.classifier.parameters())
    blocks = model.bert.encoder.layer
    assert COUNTS["full"] == model.num_parameters()
    assert COUNTS["bitfit"] == biases
    assert COUNTS["bitfit_head"] == biases + model.classifier.weight.numel()
    assert COUNTS["head"] == head
    assert COUNTS["layernorm"] == head + sum(p.numel() for norm in norms for p in norm.parameters())
    subset = sum(b.attention.self.query.bias.numel() + b.intermediate.dense.bias.numel() for b in blocks)
    assert COUNTS["bitfit_subset"] == head + subset


@pytest.mark.parametrize("mode", BUILT_IN)
def test_only_what_a_mode_trains_moves(encoder, mode):
    """A real run, with weight decay."""
    tokens, recipe = make_tokens(24), make_recipe(mode, epochs=1, weight_decay=0.1, learning_rate=1e-2)
    start = dict(build_classifier(encoder, 2, 1).named_parameters())
    model = build_classifier(encoder, 2, 1)
    outcome = train(model, tokens, make_tokens(10, seed=5), recipe, PLAIN, log=lambda line: None)
    assert outcome.trainable_parameters == COUNTS[mode]
    assert sum(tensor.numel() for tensor in outcome.weights.values()) == COUNTS[mode]
    moved = {}
    for name, parameter in model.named_parameters():
        plain = name.replace(".base_layer", "")
        if "lora_" not in name:
            moved[plain] = int((parameter != start[plain]).sum())
    assert moved.keys() == start.keys()
    if mode == "random":
        # Some gradients are 0: word pieces that the texts do not have.
        assert 0 < sum(moved.values()) <= COUNTS[mode]
        assert sum(moved.values()) > 200
        assert len([name for name in moved if moved[name]]) > 5
    else:
        chosen = {name for name in moved if moved[name]}
        allowed = {name.replace(".base_layer", "") for name in outcome.weights}
        assert chosen <= allowed
        # The keys' bias does not bear on the softmax.
        silent = {name for name in allowed - chosen if "lora_" not in name and not name.endswith("key.bias")}
        assert not silent, silent


def test_random_entries_are_uniform_repeatable_and_of_the_seed(encoder):
    first, again, other = (trained(build_classifier(encoder, 2, 1), "random", seed) for seed in (1, 1, 2))
    places = [{s.parameter.shape: s.places for s in each.samples} for each in (first, again)]
    assert places[0].keys() == places[1].keys()
    assert all(torch.equal(places[0][key], places[1][key]) for key in places[0])
    assert [s.places.tolist() for s in first.samples] != [s.places.tolist() for s in other.samples]
    # The word embeddings have 89 % of all parameters; five standard errors of 3,074 draws are 2.8 points.
    share = max(len(sample.places) for sample in first.samples) / 3074
    assert abs(share - 30522 * 128 / 4_386_178) < 0.028


def test_the_update_of_random_entries_is_that_of_adamw_on_them_alone(encoder):
    """One step on all parameters' gradients, masked by hand before clipping, with torch's own AdamW."""
    tokens, recipe = make_tokens(8), make_recipe("random", epochs=1, batch_size=8, learning_rate=1e-3)
    model = build_classifier(encoder, 2, 1)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    plain = copy.deepcopy(model).train()
    train(model, tokens, make_tokens(4, seed=5), recipe, PLAIN, log=lambda line: None)

    samples = {id(sample.parameter): sample.places for sample in freeze(plain, BUILT_IN["random"], 1).samples}
    plain.requires_grad_(True)
    batch = tokens.padded(np.arange(8), 0)
    torch.nn.functional.cross_entropy(plain(**batch).logits, tokens.labels).backward()
    optimizer = torch.optim.AdamW(plain.parameters(), lr=1e-3, weight_decay=0.0)
    for parameter in plain.parameters():
        kept = torch.zeros(parameter.numel())
        if id(parameter) in samples:
            kept[samples[id(parameter)]] = 1
        parameter.grad *= kept.view_as(parameter)
    torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
    optimizer.step()
    for (name, mine), theirs in zip(model.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=2e-5, msg=name)


def test_an_encoder_without_biases_gets_a_sentence():
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = ModernBertForSequenceClassification(ModernBertConfig(vocab_size=100, pad_token_id=0, **sizes))
    for mode in ("bitfit", "bitfit_head", "random", "bitfit_subset"):
        with pytest.raises(UserError, match=r"has no parameter that the mode would train by .*remove the mode"):
            trained(model, mode)
    for mode in ("full", "head", "layernorm"):
        assert trained(copy.deepcopy(model), mode).count > 0


def test_a_pattern_that_matches_nothing_gets_a_sentence(encoder):
    model = build_classifier(encoder, 2, 1)
    mode = {"train": ["*.value.bias", "*.valeu.bias"]}
    with pytest.raises(UserError, match=r"train by '\*\.valeu\.bias'.*names like bert\.embeddings"):
        freeze(model, mode, 1)
    assert freeze(model, {"train": ["*.value.bias"]}, 1).count == 2 * 128


def save(tokens, path) -> None:
    tensors = {name: getattr(tokens, name) for name in ("input_ids", "token_type_ids", "labels")}
    save_file({**tensors, "offsets": torch.from_numpy(tokens.offsets)}, path)


@pytest.mark.parametrize("mode", BUILT_IN)
def test_a_finished_run_is_rebuilt_to_the_predictions_of_its_best_epoch(encoder, tmp_path, mode):
    """Through the files of a run, as the evaluation does it."""
    for name, seed in (("train", 0), ("validation", 5)):
        save(make_tokens(40, seed=seed), tmp_path / f"{name}.safetensors")
    files = {name: str(tmp_path / f"{name}.safetensors") for name in ("train", "validation")}
    recipe = asdict(make_recipe(mode, epochs=3, learning_rate=1e-2))
    sources = {"recipe": {**recipe, **asdict(PLAIN), "precision": "bfloat16"}, "labels": 2}
    train_run(encoder, files, sources, tmp_path / "checkpoint.safetensors", tmp_path)
    result = read_json(tmp_path / "result.json")
    assert result["trainable_parameters"] == COUNTS[mode]
    assert result["stored_bytes"] < 4 * COUNTS[mode] + 8000
    model, _, machine = rebuild_classifier(tmp_path, encoder, result["weights_sha256"])
    prepare(model, machine)
    validation = load_tokens(files["validation"])
    predicted = predict(model, validation, machine).argmax(-1).numpy()
    wanted = np.load(tmp_path / "predictions.npy")
    assert wanted.shape == (3, 40)
    assert (predicted == wanted[result["best"]["epoch"] - 1]).all()
    accuracy = result["best"]["validation_accuracy"]
    assert accuracy == pytest.approx((predicted == validation.labels.numpy()).mean())


def test_the_metric_that_is_asked_for_picks_the_epoch(encoder):
    """On validation labels of which one is rare, so that accuracy and macro F1 differ."""
    validation = make_tokens(60, seed=5)
    labels = validation.labels.clone()
    labels[:54] = 0
    validation = replace(validation, labels=labels)
    for metric in ("macro_f1", "matthews"):
        recipe = make_recipe(epochs=6, metric=metric, learning_rate=1e-3)
        outcome = train(
            build_classifier(encoder, 2, 1), make_tokens(40), validation, recipe, PLAIN, log=lambda line: None
        )
        scores = [score_predictions(labels.numpy(), row.numpy())[metric] for row in outcome.predictions]
        assert [row[f"validation_{metric}"] for row in outcome.history] == pytest.approx(scores)
        assert outcome.best[f"validation_{metric}"] == max(scores)
        assert len(set(scores)) > 1


def test_training_sets_of_the_study_are_parts_of_each_other_and_differ_by_seed():
    tokens = make_tokens(50)

    def texts(size: int | None, seed: int) -> list[tuple]:
        part = draw_training_set(tokens, make_recipe(train_size=size, seed=seed))
        ends = zip(part.offsets, part.offsets[1:], part.labels.tolist(), strict=False)
        return [(*part.input_ids[start:end].tolist(), label) for start, end, label in ends]

    everything = texts(None, 1)
    assert len(everything) == 50
    small, large = texts(10, 1), texts(30, 1)
    assert large[:10] == small
    assert len(set(large)) == 30
    assert set(large) < set(everything)
    assert set(texts(10, 2)) != set(small)


def test_low_rank_updates_may_stand_beside_patterns_and_name_their_layers(encoder):
    mode = {"train": ["*.query.bias", "head"], "lora": {"rank": 2, "alpha": 4.0, "target": ["query", "value"]}}
    model = build_classifier(encoder, 2, 1)
    adapt(model, mode, 1)
    assert freeze(model, mode, 1).count == 2 * (128 + 2 * 2 * 2 * 128) + 258
    for target, sentence in (("qurey", "lora.target has 'qurey'"), ("pooler", "set lora.target to names of linear")):
        wrong = {**mode, "lora": {**mode["lora"], "target": ["query", target]}}
        with pytest.raises(UserError, match=sentence):
            adapt(build_classifier(encoder, 2, 1), wrong, 1)
