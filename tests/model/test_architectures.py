"""Encoders that transformers classifies sequences with: small ones, drawn at random, from folders to runs."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from bitsweep.data.tokenizer import encode, load_tokenizer
from bitsweep.data.tokens import Tokens, load_tokens, save_tokens
from bitsweep.errors import UserError
from bitsweep.files import read_json
from bitsweep.model.classifier import build_classifier
from bitsweep.model.encoder import prepare_encoder
from bitsweep.model.encoder_files import check_max_length
from bitsweep.model.fast.dropout import CheapDropout
from bitsweep.model.modes import BUILT_IN
from bitsweep.training.batches import BatchGradient, predict, prepare
from bitsweep.training.loop import train
from bitsweep.training.mode_check import check_mode
from tests.helpers.training import PLAIN, make_recipe
from tests.helpers.workspace import ROOT

GOOD = ["a fine film", "as good as they come, and never too long", "I liked it a lot", "fine, good, fine!"]
BAD = ["a bad film", "as bad as they come, and far too long", "I did not like any of it", "bad, bad, bad!"]


def bert_tokenizer(folder: Path) -> int:
    """Write the tokenizer of bert-base-uncased; return how many tokens it has."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(ROOT / "models" / "bert-tiny" / name, folder / name)
    return 30_522


def train_bpe(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([*GOOD, *BAD], trainer)
    return tokenizer


def roberta_tokenizer(folder: Path) -> int:
    """Bytes and pairs of them, without token types; the padding token is the second one."""
    tokenizer = train_bpe(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>"}
    settings = {"tokenizer_class": "RobertaTokenizer", "unk_token": "<unk>", "mask_token": "<mask>", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return tokenizer.get_vocab_size()


def gpt2_tokenizer(folder: Path) -> int:
    """Without special tokens around a text, and without one that pads."""
    tokenizer = train_bpe(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer", **names}))
    return tokenizer.get_vocab_size()


SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
}
ROBERTA = {**SIZES, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_buckets": 16,
    "type_vocab_size": 0,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
}
SPECIAL = {"pad_token_id": 0, "cls_token_id": 101, "sep_token_id": 102, "bos_token_id": 101, "eos_token_id": 102}
# Two layers' biases: queries, keys, values and outputs (4 x 32), the feed-forward block (64 + 32), two norms (2 x 32).
LAYERS = 2 * (4 * 32 + 64 + 32 + 2 * 32)
# A head of two layers: 32 x 32 + 32, then 32 x 2 + 2.
TWO_LAYERS = 32 * 32 + 32 + 32 * 2 + 2
# The kinds: settings, tokenizer, parameters with `bias` in their name, parameters of the head, those of them with
# `bias` in their name.
KINDS: dict[str, tuple[dict, Callable[[Path], int], int, int, int]] = {
    # The norm of the embeddings, the pooler, the classifier.
    "bert": (SIZES, bert_tokenizer, LAYERS + 32 + 32 + 2, 32 * 2 + 2, 2),
    "roberta": (ROBERTA, roberta_tokenizer, LAYERS + 32 + 32 + 2, TWO_LAYERS, 34),
    "xlm-roberta": (ROBERTA, roberta_tokenizer, LAYERS + 32 + 32 + 2, TWO_LAYERS, 34),
    "distilbert": (
        {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 66},
        bert_tokenizer,
        LAYERS + 32 + 32 + 2,
        TWO_LAYERS,
        34,
    ),
    # Embeddings of 16, projected to 32.
    "electra": ({**SIZES, "embedding_size": 16}, bert_tokenizer, LAYERS + 16 + 32 + 32 + 2, TWO_LAYERS, 34),
    # One layer's parameters, used twice.
    "albert": (
        {**SIZES, "embedding_size": 16},
        bert_tokenizer,
        LAYERS // 2 + 16 + 32 + 32 + 2,
        32 * 2 + 2,
        2,
    ),
    # As versions 2 and 3 have them: norms of the embeddings and of the relative positions; the pooler is the head's.
    "deberta-v2": ({**SIZES, **DISENTANGLED}, bert_tokenizer, LAYERS + 32 + 32 + 32 + 2, TWO_LAYERS, 34),
    # `relative_attention_bias.weight` has a row for each of 32 distances.
    "mpnet": ({**SIZES, "pad_token_id": 1}, bert_tokenizer, LAYERS + 32 + 32 * 2 + 32 + 2, TWO_LAYERS, 34),
    # No biases but the classifier's; a norm's weight within the head.
    "modernbert": ({**SIZES, **SPECIAL}, bert_tokenizer, 0, 32 * 32 + 32 + 32 * 2 + 2, 2),
    # Its feed-forward block is of 4 x 32, a norm is at the end, and its head has no bias.
    "gpt2": (
        {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "bos_token_id": 0, "eos_token_id": 0},
        gpt2_tokenizer,
        LAYERS + 2 * 64 + 32,
        32 * 2,
        0,
    ),
}


GROUPED = {
    **SIZES,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "pad_token_id": None,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
T5 = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
# Kinds with an attention of their own: rotary positions; scores that are capped, have a sink besides, a mask that
# trains, and a bias of positions.
OTHERS: dict[str, tuple[dict, Callable[[Path], int]]] = {
    "llama": (GROUPED, gpt2_tokenizer),
    "gemma2": ({**GROUPED, "attn_logit_softcapping": 1.0}, gpt2_tokenizer),
    "gpt_oss": ({**GROUPED, "num_local_experts": 2, "num_experts_per_tok": 1}, gpt2_tokenizer),
    "doge": (GROUPED, gpt2_tokenizer),
    "t5": ({**T5, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}, roberta_tokenizer),
    "roformer": ({**SIZES, "embedding_size": 32}, bert_tokenizer),
    # Its last token is the last one of the padding.
    "xlnet": ({"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}, roberta_tokenizer),
}


def write_encoder(folder: Path, kind: str, **changes: object) -> torch.nn.Module:
    """Write an encoder as its authors publish it: without a head for classification."""
    settings, tokenizer, *_ = {**KINDS, **OTHERS}[kind]
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model = AutoModel.from_config(
        AutoConfig.for_model(kind, **{**settings, "vocab_size": tokenizer(folder), **changes})
    )
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="module", params=KINDS)
def prepared(request, tmp_path_factory) -> tuple[str, Path]:
    """Return a kind, and the folder of its prepared encoder."""
    folder = tmp_path_factory.mktemp(request.param)
    write_encoder(folder / "source", request.param)
    prepare_encoder(folder / "source", request.param, folder)
    return request.param, folder


@pytest.fixture(scope="module")
def tokens(prepared) -> Tokens:
    """Sixteen texts, of which one has no letters; labels that can be learned."""
    encodings = encode(load_tokenizer(prepared[1], 16), [*GOOD[:3], "", *BAD, *GOOD, *BAD])
    path = prepared[1] / "tokens.safetensors"
    save_tokens(path, encodings, [0] * 4 + [1] * 4 + [0] * 4 + [1] * 4)
    return load_tokens(path)


def test_every_mode_trains_what_it_is_said_to_train(prepared, tokens):
    kind, folder = prepared
    *_, biases, head, biases_of_head = KINDS[kind]
    everything = sum(parameter.numel() for parameter in build_classifier(folder, 2, 1).parameters())
    counts = {"full": everything, "bitfit": biases, "bitfit_head": biases + head - biases_of_head, "head": head}
    for mode, count in counts.items():
        if "bitfit" in mode and not biases:
            with pytest.raises(UserError, match="has no parameter that the mode would train by 'bias'"):
                check_mode(folder, 2, BUILT_IN[mode], 16, "float32")
            continue
        assert check_mode(folder, 2, BUILT_IN[mode], 16, "bfloat16" if mode == "full" else "float32") == count, mode
        model = build_classifier(folder, 2, 1)
        before = {name: parameter.clone() for name, parameter in model.named_parameters()}
        # Two steps.
        run = train(model, tokens, tokens, make_recipe(mode, epochs=1), PLAIN, log=lambda line: None)
        assert run.trainable_parameters == count, mode
        moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
        assert moved <= run.weights.keys(), mode
        assert moved, mode


def test_an_encoder_learns_and_repeats(prepared, tokens):
    recipe = make_recipe(learning_rate=3e-3, epochs=6)
    first, second = (train(build_classifier(prepared[1], 2, 1), tokens, tokens, recipe, PLAIN, log=str) for _ in "ab")
    assert first.history == second.history
    assert first.history[-1]["train_loss"] < first.history[0]["train_loss"]


def test_prediction_does_not_depend_on_the_padding_of_its_batch(prepared, tokens):
    model = build_classifier(prepared[1], 2, 1)
    prepare(model, PLAIN)
    together = predict(model, tokens, PLAIN)
    plain = build_classifier(prepared[1], 2, 1).eval()
    assert not any(isinstance(module, CheapDropout) for module in plain.modules())
    for index in range(len(tokens)):
        batch = tokens.padded([index], plain.config.pad_token_id)
        inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
        torch.testing.assert_close(plain(**inputs).logits[0], together[index], rtol=1e-3, atol=1e-5)


def test_the_longest_text_that_an_encoder_reads(prepared):
    kind, folder = prepared
    longest = 64 if kind in ("roberta", "xlm-roberta", "mpnet", "gpt2") else 66
    check_max_length(folder / "config.json", longest)
    assert check_mode(folder, 2, BUILT_IN["head"], longest, "float32")
    with pytest.raises(UserError, match=f"max_length is {longest + 1}, but the encoder reads at most {longest} tokens"):
        check_max_length(folder / "config.json", longest + 1)


def test_a_decoder_without_a_padding_token_gets_the_one_that_ends_its_texts(tmp_path):
    write_encoder(tmp_path / "source", "gpt2")
    prepare_encoder(tmp_path / "source", "gpt2", tmp_path)
    assert read_json(tmp_path / "config.json")["pad_token_id"] == 0
    assert read_json(tmp_path / "tokenizer_config.json")["pad_token"] == "<|endoftext|>"
    # The empty text is one such token; others have no special ones.
    empty, text = encode(load_tokenizer(tmp_path, 16), ["", "a fine film"])
    assert empty.ids.tolist() == [0]
    assert 0 not in text.ids


def test_a_tokenizer_that_is_a_sentencepiece_model_alone_is_read(tmp_path):
    """As the authors of DeBERTa version 3 publish theirs."""
    source = tmp_path / "source"
    write_encoder(source, "deberta-v2", vocab_size=400)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (source / name).unlink()
    pieces = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
    ids = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
    with (source / "spm.model").open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(GOOD + BAD), model_writer=file, vocab_size=40, minloglevel=2, **pieces, **ids
        )
    prepare_encoder(source, "encoder", tmp_path)
    encoding = load_tokenizer(tmp_path, 16).encode("a fine film")
    assert encoding.tokens[:3] == ["[CLS]", "▁a", "▁fine"]
    assert encoding.tokens[-1] == "[SEP]"
    assert check_mode(tmp_path, 2, BUILT_IN["head"], 16, "float32") == TWO_LAYERS


def test_weights_in_several_files_are_the_same_weights(tmp_path):
    model = write_encoder(tmp_path / "whole", "bert")
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    (tmp_path / "parts" / "model.safetensors").unlink()
    model.save_pretrained(tmp_path / "parts", max_shard_size="1MB")
    assert (tmp_path / "parts" / "model.safetensors.index.json").is_file()
    for name in ("whole", "parts"):
        prepare_encoder(tmp_path / name, name, tmp_path / f"{name}-prepared")
    whole, parts = (tmp_path / f"{name}-prepared" / "model.safetensors" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()
    next((tmp_path / "parts").glob("model-00001-of-*")).unlink()
    with pytest.raises(UserError, match=r"parts has only \d of \d files of weights: download all of them"):
        prepare_encoder(tmp_path / "parts", "parts", tmp_path / "new")


@pytest.mark.parametrize("kind", sorted(set(OTHERS) - {"xlnet"}))
def test_attention_of_other_kinds_has_its_own_gradient(tmp_path, kind):
    write_encoder(tmp_path / "source", kind)
    prepare_encoder(tmp_path / "source", kind, tmp_path)
    for precision in ("float32", "bfloat16"):
        assert check_mode(tmp_path, 2, BUILT_IN["full"], 16, precision)
    texts = encode(load_tokenizer(tmp_path, 16), GOOD + BAD)
    save_tokens(tmp_path / "tokens.safetensors", texts, [0] * 4 + [1] * 4)
    tokens = load_tokens(tmp_path / "tokens.safetensors")
    plain = build_classifier(tmp_path, 2, 1).eval()
    with torch.no_grad():
        for number, parameter in enumerate(plain.parameters()):
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)))
    model = copy.deepcopy(plain)
    prepare(model, PLAIN)
    model.eval()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    BatchGradient(model, tokens, PLAIN, None).add(np.arange(len(tokens)), 0, "dropout")
    plain.set_attn_implementation("eager")
    batch = tokens.padded(np.arange(len(tokens)), plain.config.pad_token_id)
    del batch["token_type_ids"]
    cross_entropy(plain(**batch).logits, tokens.labels).backward()
    for (name, parameter), expected in zip(model.named_parameters(), plain.parameters(), strict=True):
        if expected.grad is not None:
            torch.testing.assert_close(
                parameter.grad, expected.grad, rtol=1e-3, atol=1e-5, msg=lambda told, name=name: f"{name}: {told}"
            )


def test_an_encoder_that_reads_padding_is_told(tmp_path):
    write_encoder(tmp_path / "source", "xlnet")
    prepare_encoder(tmp_path / "source", "xlnet", tmp_path)
    with pytest.raises(UserError, match="'xlnet' changes its answer when a text is padded to the length of others"):
        check_mode(tmp_path, 2, BUILT_IN["head"], 16, "float32")


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("bert", {"model_type": "nobert", "auto_map": {"AutoModel": "code.Model"}}, "needs code of its own, that Bit"),
        ("bert", {"model_type": "clip"}, "has model_type 'clip', which does not classify texts: set encoder to one"),
        (
            "bert",
            {"num_hidden_layers": 3},
            "no weights for 16 of its encoder's parameters, such as bert.encoder.layer.2",
        ),
        ("bert", {"hidden_size": 48}, "cannot be loaded as a sequence classifier"),
        ("bert", {"hidden_size": "wide"}, r"config.json cannot be used \(.*hidden_size.*str"),
        ("gpt2", {"eos_token_id": None}, "has neither a padding token nor one for the end of a text: add pad_token_id"),
    ],
)
def test_an_encoder_that_cannot_be_used_is_told(tmp_path, kind, changes, words):
    source = tmp_path / "source"
    write_encoder(source, kind)
    change_json(source / "config.json", **changes)
    change_json(source / "tokenizer_config.json", eos_token=None, bos_token=None)
    with pytest.raises(UserError, match=words) as told:
        prepare_encoder(source, "somebody/encoder", tmp_path / "target")
    assert str(told.value).startswith("somebody/encoder")
    assert "\n" not in str(told.value)


def test_files_that_are_not_what_their_names_say_are_told(tmp_path):
    source = tmp_path / "source"
    write_encoder(source, "bert")
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(UserError, match="cannot be loaded as a sequence classifier"):
        prepare_encoder(source, "encoder", tmp_path / "target")
    (source / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="The tokenizer of encoder cannot be loaded"):
        prepare_encoder(source, "encoder", tmp_path / "target")


def test_what_would_fail_in_every_run_is_found_before(tmp_path):
    write_encoder(tmp_path / "source", "bert", vocab_size=1_500)
    prepare_encoder(tmp_path / "source", "encoder", tmp_path)
    with pytest.raises(UserError, match=r"tokenizer gives token \d+, and there are embeddings for only 1500 tokens"):
        check_mode(tmp_path, 2, BUILT_IN["full"], 16, "float32")
    # A limit that `check_max_length` may not know by its name.
    write_encoder(tmp_path / "short", "bert", max_position_embeddings=8)
    prepare_encoder(tmp_path / "short", "encoder", tmp_path)
    with pytest.raises(UserError, match=r"of model_type 'bert' fails in training .*: lower max_length"):
        check_mode(tmp_path, 2, BUILT_IN["full"], 16, "float32")


def test_the_head_is_drawn_anew_where_one_comes_with_the_weights(tmp_path):
    source = tmp_path / "source"
    write_encoder(source, "roberta")
    config = AutoConfig.from_pretrained(source, num_labels=5)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(source)
    change_json(source / "config.json", architectures=None)
    prepare_encoder(source, "tuned", tmp_path)
    assert build_classifier(tmp_path, 3, 1).classifier.out_proj.weight.shape == (3, 32)
