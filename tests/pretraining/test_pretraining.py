"""An encoder is made from texts and a teacher: from nothing that is held out, resumable, and ready to fine-tune."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from bitsweep.errors import UserError
from bitsweep.model.encoder import prepare_encoder
from bitsweep.pretraining.corpus import read_corpus
from bitsweep.pretraining.document_codes import document_codes
from bitsweep.pretraining.loop import Batch, StudentTraining, plan_epoch
from bitsweep.pretraining.model_card import add_judgement
from bitsweep.pretraining.special_tokens import Special, special_tokens
from bitsweep.pretraining.student import build_student, student_config
from bitsweep.pretraining.targets import Targets, pooler_targets, read_targets
from bitsweep.pretraining.teacher import Teacher, token_targets, windows_of_part
from bitsweep.pretraining.teacher_files import free_tokenizer
from bitsweep.training.checkpoint import Checkpoint
from bitsweep.training.machine import Machine
from tests.helpers.pretraining import SMALL, make_windows, reviews
from tests.helpers.workspace import ROOT


def make_pretraining(checkpoint: Checkpoint | None) -> StudentTraining:
    torch.set_num_threads(1)
    windows = make_windows(reviews(24))
    codes, spread, coded = (torch.from_numpy(array) for array in document_codes(windows, 2**40))
    draw = torch.Generator().manual_seed(1)
    targets = Targets(
        tokens=torch.randn(int(windows.offsets[-1]), 16, generator=draw).half(),
        vectors=torch.randn(len(windows), 16, generator=draw),
        codes=codes * spread.sqrt(),
        mixtures=pooler_targets(codes, coded, 32, 1),
        coded=coded,
    )
    shape = SMALL["student"]
    config = student_config(shape, json.loads((ROOT / "models/bert-tiny/config.json").read_text()))
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    model = build_student(config, ROOT / "models/bert-tiny", 1)
    special = Special(first=101, last=102, mask=103, padding=0, words=(104, config.vocab_size))
    machine = Machine("float32", "cpu", 1)
    return StudentTraining(model, windows, targets, special, 6, 1e-3, 1, machine, checkpoint)


@torch.no_grad()
@pytest.mark.parametrize("start", [0, 5])
def test_the_targets_of_a_token_are_its_own(start, monkeypatch):
    """Where they are the student's own hidden states it has nothing to learn, also of windows that are cut."""
    pretraining = make_pretraining(None)
    # But for one piece of a batch.
    monkeypatch.setattr("bitsweep.pretraining.loop.MASKED", 0)
    pretraining.heads.tokens = torch.nn.Identity()
    windows = pretraining.windows
    batch = Batch(np.arange(len(windows)), np.full(len(windows), start), windows.lengths - 2 - start, 64)
    hidden = [
        pretraining.model(windows.input_ids[first:last][None]).last_hidden_state[0]
        for first, last in pairwise(windows.offsets.tolist())
    ]
    losses = []
    for shift in (0, 1):
        tokens = torch.cat(hidden).roll(shift, dims=0)
        pretraining.targets = replace(pretraining.targets, tokens=tokens)
        losses.append(pretraining.losses(batch)["tokens"].item())
    assert losses[0] < (0.01 if start == 0 else 0.3) * losses[1]


def test_what_the_teacher_says_stands_where_its_token_does(encoder, tmp_path):
    windows = make_windows([*reviews(5), "short", *reviews(3)], positions=48)
    teacher = Teacher(encoder, Machine("float32", "cpu", 1))
    projection = {"mean": torch.zeros(128), "components": torch.eye(128)[:, :8]}
    found = token_targets(teacher, windows, projection)
    for window in range(len(windows)):
        hidden, vector = teacher.read(windows, np.array([window]), int(windows.lengths[window]))
        start, end = windows.offsets[window : window + 2]
        assert torch.allclose(found["tokens"][start:end].float(), hidden[:, :8], atol=5e-3)
        assert torch.allclose(found["vectors"][window], vector[0], atol=1e-4)
    # Read in parts and joined, they are the same.
    parts = [tmp_path / f"{part}.safetensors" for part in range(4)]
    for part, path in enumerate(parts):
        save_file(token_targets(teacher, windows_of_part(windows, part, 4), projection), path)
    texts = len(set(windows.labels.tolist()))
    codes = {"codes": torch.randn(texts, 8), "spread": torch.ones(8), "coded": torch.ones(texts, dtype=torch.bool)}
    joined = read_targets(parts, codes, 8, 1)
    assert torch.allclose(joined.tokens.float(), found["tokens"].float(), atol=5e-3)
    assert len(joined.vectors) == len(windows)


WORDS = [f"word{number}" for number in range(16)]


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        # As BERT's own are, and as some of many languages.
        (["[PAD]", "[CLS]", "[SEP]", "[MASK]", *WORDS], (4, 20)),
        (["[CLS]", "[PAD]", "[SEP]", *WORDS, "[MASK]"], (3, 19)),
    ],
)
def test_special_tokens_never_stand_in_for_pieces(vocabulary, words, tmp_path):
    ids = write_tokenizer(vocabulary, tmp_path)
    assert special_tokens(tmp_path, ids["[PAD]"], len(ids)) == Special(
        ids["[CLS]"], ids["[SEP]"], ids["[MASK]"], ids["[PAD]"], words
    )


def test_a_teacher_that_cannot_mask_is_refused(tmp_path):
    """Also where transformers adds the token to the tokenizer, which the model does not know."""
    vocabulary = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", *WORDS]
    shape = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(tmp_path / "source")
    (tmp_path / "source/vocab.txt").write_text("\n".join(vocabulary))
    prepare_encoder(tmp_path / "source", "teacher", tmp_path)
    with pytest.raises(UserError, match="a tokenizer without a mask token: name another teacher"):
        free_tokenizer(tmp_path)
    write_tokenizer(["[CLS]", "[PAD]", "[SEP]", *WORDS], tmp_path)
    with pytest.raises(UserError, match="a tokenizer without a mask token: name another teacher"):
        free_tokenizer(tmp_path)


def write_tokenizer(vocabulary: list[str], folder: Path) -> dict[str, int]:
    """Write a tokenizer of whole words; return their ids."""
    ids = {word: number for number, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordLevel(ids, unk_token="[PAD]"))
    ends = [(end, ids[end]) for end in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")
    return ids


def test_an_interrupted_pretraining_goes_on_where_it_was_to_the_same_weights(tmp_path):
    whole = make_pretraining(None)
    history = whole.train(log=lambda line: None)
    assert history[-1]["step"] == whole.steps > 8
    first = make_pretraining(Checkpoint(tmp_path / "checkpoint.safetensors", "it"))

    def interrupt(line: str) -> None:
        if first.progress.step == 5:
            first.save()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.train(interrupt)
    said = []
    second = make_pretraining(Checkpoint(tmp_path / "checkpoint.safetensors", "it"))
    assert second.train(log=said.append) == history
    assert said[0] == f"Going on at the checkpoint: step 6 of {whole.steps}."
    # One that is called once more when it has ended has nothing left to do.
    second.save()
    third = make_pretraining(Checkpoint(tmp_path / "checkpoint.safetensors", "it"))
    assert third.train(log=said.append) == history
    assert said[-1] == f"Going on at the checkpoint: it had ended, at step {whole.steps}."
    for found in (second, third):
        for (name, one), (_, other) in zip(whole.model.named_parameters(), found.model.named_parameters(), strict=True):
            assert torch.equal(one, other), name


def test_a_pretraining_learns_all_that_is_asked_of_it():
    pretraining = make_pretraining(None)
    batch = plan_epoch(pretraining.windows.lengths, 1, 1)[0]
    before = {name: loss.item() for name, loss in pretraining.losses(batch).items()}
    for _ in range(60):
        pretraining.progress.step = 60
        pretraining.steps = 10**6
        pretraining.take_step(batch)
    pretraining.progress.step = 0
    after = {name: loss.item() for name, loss in pretraining.losses(batch).items()}
    assert all(after[name] < before[name] for name in before), (before, after)


def test_each_window_is_read_once_an_epoch_and_cuts_lie_within_it():
    lengths = np.array([3, 20, 64, 64, 40, 600, 512, 18] * 5)
    batches = plan_epoch(lengths, 1, 1)
    assert sorted(np.concatenate([batch.rows for batch in batches])) == list(range(len(lengths)))
    cut = 0
    for batch in batches:
        assert (batch.starts >= 0).all()
        assert (batch.sizes >= 1).all()
        assert (batch.starts + batch.sizes <= lengths[batch.rows] - 2).all()
        assert (batch.sizes + 2 <= batch.width).all()
        cut += int((batch.sizes < lengths[batch.rows] - 2).sum())
    assert 0 < cut < len(lengths)
    other = plan_epoch(lengths, 1, 2)
    assert [batch.rows.tolist() for batch in other] != [batch.rows.tolist() for batch in batches]


def test_what_is_held_out_is_never_read_even_where_it_stands_twice(tmp_path):
    from datasets import Dataset

    texts = [f"text {number}" for number in range(50)]
    rows = Dataset.from_dict({"row": range(50)}).train_test_split(0.2, seed=3)
    twice, held_out = rows["train"]["row"][0], set(rows["test"]["row"])
    texts[twice] = texts[rows["test"]["row"][0]]
    pd.DataFrame({"text": texts}).to_csv(tmp_path / "texts.csv", index=False)
    split = {"held_out": 0.2, "seed": 3}
    entry = {"source": "files", "path": str(tmp_path / "texts.csv"), "text": "text", "split": split}
    other = {"source": "files", "path": str(tmp_path / "other.txt"), "text": "text"}
    shouted = texts[rows["test"]["row"][1]].upper()
    (tmp_path / "other.txt").write_text(f"another text\n{shouted}\n")
    read = read_corpus([entry, other])
    assert sorted(read[:-1]) == sorted(texts[row] for row in range(50) if row not in held_out | {twice})
    assert read[-1] == "another text"


def test_a_card_tells_what_the_encoder_is_worth_once():
    found = {"probe": 0.75, "full": {"mean": 0.9, "deviation": 0.001}}
    judgement = {"modes": ["full", "bitfit"], "protocol": "By fine-tuning.", "encoders": {"mine": found}}
    card = add_judgement("# mine\nA BERT.\n", judgement)
    assert card.startswith("# mine\nA BERT.\n\n## What it is worth\nBy fine-tuning.\n")
    assert "| mine | 0.9000 ± 0.0010 |  | 0.7500 |" in card.splitlines()
    assert add_judgement(card, judgement) == card


def test_a_file_without_texts_is_told(tmp_path):
    (tmp_path / "texts.csv").write_text("text\n")
    entry = {"source": "files", "path": str(tmp_path / "texts.csv"), "text": "text"}
    with pytest.raises(UserError, match=r"texts\.csv"):
        read_corpus([{**entry, "split": {"held_out": 0.2, "seed": 3}}])


def test_long_texts_become_windows_of_like_lengths():
    text = " ".join(["word"] * 100)
    windows = make_windows([text, "word", ""], positions=64)
    assert windows.lengths.tolist() == [52, 52, 3]
    assert windows.labels.tolist() == [0, 0, 1]
    assert windows.input_ids[windows.offsets[:-1]].tolist() == [101] * 3
