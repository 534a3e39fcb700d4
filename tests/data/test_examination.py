"""What is doubtful in the data is found and told; what cannot be used has stopped before."""

import pandas as pd
import pytest

from bitsweep.data.examination import data_table, describe_left_out, examine, find_doubts
from bitsweep.data.tokenizer import load_tokenizer

NAMES = ["bad", "good"]


@pytest.fixture(scope="module")
def examination(encoder) -> dict:
    train = ["one two three four five six", "twice", "twice", " ", "good and bad", "good and bad", "in both", "a"]
    splits = {
        "train": pd.DataFrame({"text": train, "label": [1, 1, 1, 1, 0, 1, 1, 1]}),
        "validation": pd.DataFrame({"text": ["in both", "twice", "b"], "label": [1, 1, 0]}),
        "test": pd.DataFrame({"text": ["c", "d"], "label": [1, 1]}),
    }
    return examine(splits, load_tokenizer(encoder, 5), 5, 2)


def test_sizes_labels_and_lengths_are_counted_before_texts_are_cut(examination):
    train = examination["splits"]["train"]
    assert (train["rows"], train["labels"]) == (8, [1, 7])
    # The special tokens at both ends count.
    assert (train["max_tokens"], train["cut"], train["median_tokens"]) == (8, 1, 3)
    assert (train["empty"], train["duplicates"], train["contradicting"]) == (1, 2, 1)
    assert [pair["texts"] for pair in examination["shared"]] == [2, 0, 0]
    table = data_table(examination, NAMES)
    assert table["labels"].tolist() == ["bad: 1, good: 7", "bad: 1, good: 2", "bad: 0, good: 2"]


def test_what_is_doubtful_is_told_in_sentences(examination):
    doubts = find_doubts(examination, NAMES)
    for words in (
        "1 text of the train split has only spaces",
        "2 rows of the train split have the text of an earlier one",
        "1 text of the train split has more than one label there",
        "2 texts of the validation split are in the train split too",
        "The test split has no example of bad",
        "88 % of the train split are good: accuracy hides",
    ):
        assert any(doubt.startswith(words) for doubt in doubts), (words, doubts)
    assert not any("longer than 5 tokens" in doubt for doubt in doubts)


def test_what_the_encoder_cannot_read_is_told(encoder):
    texts = ["good", "bad", "fine 😀", "fine 😡", "one two three four five", "one two three four six"]
    splits = {"train": pd.DataFrame({"text": texts, "label": [0, 1] * 3}),
              "test": pd.DataFrame({"text": ["good", "bad"], "label": [0, 1]})}  # fmt: skip
    examination = examine(splits, load_tokenizer(encoder, 5), 5, 2)
    train = examination["splits"]["train"]
    # Of what is cut to three pieces each: two emoji, and two texts that are an earlier one to the encoder.
    assert (train["pieces"], train["unknown"], train["alike"], train["cut"], train["max_tokens"]) == (12, 2, 2, 2, 7)
    table = data_table(examination, NAMES).set_index("split")
    assert table.loc["train", "unknown_share"] == pytest.approx(1 / 6)
    assert table.loc["test", ["pieces", "unknown", "unknown_share", "alike"]].tolist() == [2, 0, 0, 0]
    doubts = find_doubts(examination, NAMES)
    assert any(doubt.startswith("17 % of the word pieces of the train split are unknown") for doubt in doubts)
    assert any(doubt.startswith("2 texts of the train split are for the encoder the same as an") for doubt in doubts)
    assert not any("test split" in doubt and "encoder" in doubt for doubt in doubts)


def test_a_label_that_few_examples_score_is_told_with_their_number(encoder):
    names = ["often", "seldom", "never", *(f"rare {number}" for number in range(7))]

    def rows(*counts: int) -> pd.DataFrame:
        labels = [label for label, count in enumerate(counts) for _ in range(count)]
        return pd.DataFrame({"text": [f"text {row}" for row in range(len(labels))], "label": labels})

    splits = {"train": rows(9, 2, 2), "validation": rows(9, 4, 5, *[5] * 7), "test": rows(5, 1, 0, *[4] * 7)}
    doubts = find_doubts(examine(splits, load_tokenizer(encoder, 9), 9, len(names)), names)
    few = [doubt for doubt in doubts if "fewer than 5 examples" in doubt]
    assert few == [
        "The validation split has fewer than 5 examples of seldom (4): single texts decide its score, and move macro "
        "F1.",
        "The test split has fewer than 5 examples of seldom (1), rare 0 (4), rare 1 (4), rare 2 (4), rare 3 (4), rare "
        "4 (4) and 2 more labels: single texts decide their scores, and move macro F1.",
    ]


def test_rows_that_are_left_out_are_told():
    files = {"train": {"name": "a.parquet", "left_out": 1}, "test": {"name": "b.parquet"}}
    assert describe_left_out(files) == ["1 row of a.parquet (data.train) without a label or a text is left out."]


def test_the_same_text_with_another_second_one_is_another_pair(encoder):
    rows = pd.DataFrame({"text": ["a", "a"], "pair": ["b", "c"], "label": [0, 1]})
    found = examine({"train": rows}, load_tokenizer(encoder, 5), 5, 2)["splits"]["train"]
    assert (found["duplicates"], found["contradicting"], found["max_tokens"]) == (0, 0, 5)
