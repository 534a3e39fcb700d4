"""What an encoder cannot read is counted as its own tokenizer reads it, and most of it does not train unasked."""

import subprocess
import sys

import pandas as pd
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from bitsweep.data.readability import count_unread
from bitsweep.data.tokenizer import encode, load_tokenizer
from tests.helpers.unreadable import chinese_rows
from tests.helpers.workspace import ROOT

CHINESE = [text for text, _ in chinese_rows()]
EMOJI = ["😀", "😡", "🎬 🎬", "🎬 😡", "😀"]


def counts(tokenizer: Tokenizer, texts: list) -> tuple[int, int, int]:
    found = count_unread(tokenizer, texts, encode(tokenizer, texts))
    assert found.texts == len(texts)
    return found.pieces, found.unknown, found.alike


def test_unknown_pieces_are_counted_without_special_tokens(encoder):
    assert counts(load_tokenizer(encoder, 64), ["A good film", "好 film", ""]) == (5, 1, 0)
    pieces, unknown, alike = counts(load_tokenizer(encoder, 64), CHINESE)
    assert 0.6 < unknown / pieces < 0.9
    assert alike > 0


def test_texts_of_unknown_signs_alone_are_alike(encoder):
    # Of one sign: the second one and the last; of two signs: the second one.
    assert counts(load_tokenizer(encoder, 64), EMOJI) == (7, 7, 3)


def test_what_a_tokenizer_leaves_out_on_purpose_makes_no_texts_alike(encoder):
    tokenizer = load_tokenizer(encoder, 64)
    assert counts(tokenizer, ["A Café", "a cafe", " a  cafe\n", "a cafe"]) == (8, 0, 0)
    # Nor do the capitals of an unknown word.
    word = "a" * 101
    assert counts(tokenizer, [word, word.upper(), "b" * 101]) == (3, 3, 1)


def test_texts_that_differ_behind_the_cut_are_alike(encoder):
    # Three pieces and the special tokens at both ends are read.
    texts = ["a b c d", "a b c e", "A b c d", "a b d", "a b c"]
    assert counts(load_tokenizer(encoder, 5), texts) == (15, 0, 3)
    assert counts(load_tokenizer(encoder, 6), texts) == (18, 0, 0)


def test_a_pair_is_read_as_a_whole(encoder):
    pairs = [("good", "😀"), ("good", "😡"), ("😀", "good"), ("good", "bad")]
    assert counts(load_tokenizer(encoder, 64), pairs) == (8, 3, 1)
    # Of a pair the longer text is cut first.
    pairs = [("a", "b c d e"), ("a", "b c d f"), ("a b", "c d e f")]
    assert counts(load_tokenizer(encoder, 6), pairs) == (9, 0, 1)


def test_a_tokenizer_of_bytes_knows_every_text(encoder, tmp_path):
    """Even where it names an unknown token, which stands for the end of a text, as GPT-2's kind does."""
    tokenizer = Tokenizer(models.BPE(unk_token="<|end|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        ["a good film"],
        trainers.BpeTrainer(special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|end|>", pair="$A <|end|> $B <|end|>", special_tokens=[("<|end|>", 0)]
    )
    assert counts(tokenizer, EMOJI) == (sum(len(text.encode()) for text in EMOJI), 0, 0)


def test_a_unigram_model_s_unknown_token_is_found():
    """As XLM-R and DeBERTa have it; pieces that follow each other are one to it."""
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁good", -1.0), ("▁", -2.0)], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    assert counts(tokenizer, ["good 好", "good 坏", "good good"]) == (8, 2, 1)


def tokenize(folder, encoder, texts: list[str], split: str = "train", *more: str) -> subprocess.CompletedProcess:
    rows = pd.DataFrame({"text": texts, "label": [row % 2 for row in range(len(texts))]})
    rows.to_parquet(folder / "rows.parquet")
    command = [sys.executable, "-m", "scripts.tokenize_split", "--rows", folder / "rows.parquet", "--split", split]
    command += ["--limit", "null", "--encoder", encoder, "--max-length", "32", "--labels", "2"]
    command += ["--output", folder / "tokens.safetensors", *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_texts_that_are_mostly_unknown_are_refused_unless_they_are_meant(encoder, tmp_path, split):
    done = tokenize(tmp_path, encoder, CHINESE, split)
    assert done.returncode == 1
    assert f"% of the word pieces of the {split} split are unknown to the encoder" in done.stderr
    assert "set encoder to one that knows their language" in done.stderr
    assert "set allow_unreadable to true" in done.stderr
    assert not (tmp_path / "tokens.safetensors").exists()
    done = tokenize(tmp_path, encoder, CHINESE, split, "--allow-unreadable", "true")
    assert done.returncode == 0, done.stderr
    assert f"Note: 78 % of the word pieces of the {split} split are unknown" in done.stdout


def test_the_test_split_decides_nothing(encoder, tmp_path):
    done = tokenize(tmp_path, encoder, CHINESE, "test")
    assert done.returncode == 0, done.stderr
    assert "Note: " not in done.stdout


def test_texts_that_are_mostly_the_same_once_cut_are_refused(encoder, tmp_path):
    done = tokenize(tmp_path, encoder, [f"{'the same opening ' * 20} {row}" for row in range(10)])
    assert done.returncode == 1
    assert "90 % of the texts of the train split are for the encoder the same as an earlier one" in done.stderr
    assert "raise max_length" in done.stderr


def test_a_few_unknown_pieces_are_told_and_train(encoder, tmp_path):
    done = tokenize(tmp_path, encoder, [f"a good film, number {row} 🎬" for row in range(20)])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Note: ") == 1
    assert "% of the word pieces of the train split are unknown" in done.stdout
    assert "Note: " not in tokenize(tmp_path, encoder, [f"a good film, number {row}" for row in range(20)]).stdout
