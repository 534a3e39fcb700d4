"""Splits of the Hub's data sets, found among the names of their files; what is not there gets a sentence."""

import pytest

from bitsweep.data.hub_splits import files_of_splits, find_splits
from bitsweep.errors import UserError

DATA = {"name": "owner/set", "revision": "0" * 40}
TWO = ["one/test.parquet", "one/train.parquet", "two/train-00000-of-00001.parquet"]


def chosen(names: list[str], **data: str) -> dict[str, list[str]]:
    return files_of_splits(names, {**DATA, **data}, ("validation", "test"))


@pytest.mark.parametrize(
    ("layout", "configuration"),
    [
        ("data/{split}-0000{shard}-of-00002.parquet", "default"),
        ("data/{split}-0000{shard}-of-00002-8b6e212f3e1ece96.parquet", "default"),
        ("{split}-0000{shard}-of-00002.parquet", "default"),
        ("plain_text/{split}-0000{shard}-of-00002.parquet", "plain_text"),
        ("data/en/{split}-0000{shard}-of-00002.parquet", "en"),
        ("en/{split}/000{shard}.parquet", "en"),
    ],
)
def test_the_layouts_of_the_hub_are_found(layout, configuration):
    names = [layout.format(split=split, shard=shard) for split in ("test", "train_r1") for shard in (1, 0)]
    expected = {split: [layout.format(split=split, shard=shard) for shard in (0, 1)] for split in ("test", "train_r1")}
    assert find_splits([*names, "README.md", "train.csv", ".gitattributes"]) == {configuration: expected}


def test_the_default_configuration_is_taken_where_there_are_others():
    assert chosen(["data/train.parquet", "other/train.parquet"]) == {"train": ["data/train.parquet"]}
    assert chosen(TWO, configuration="one") == {"train": ["one/train.parquet"], "test": ["one/test.parquet"]}


MISTAKES = {
    "several configurations": (TWO, {}, "data.configuration is missing, and .* several: set it to one of one, two."),
    "no such configuration": (TWO, {"configuration": "ones"}, "data.configuration is 'ones', .*did you mean one?"),
    "nothing like it": (TWO, {"configuration": "x"}, "data.configuration is 'x', which .*: set it to one of one, two."),
    "no such split": (TWO, {"configuration": "one", "test": "dev"}, "data.test is 'dev', a split .*of test, train, or"),
    "no training split": (
        ["dev.parquet"],
        {},
        "data.train is 'train', a split .*: set it to one of dev, or to the path",
    ),
    "no Parquet": (["a.csv", "b.py"], {}, "has no Parquet files .it has a.csv.: name files under data.train .*convert"),
    "nothing to read": (["b.py"], {}, "has no Parquet files .nor others that can be read.: name"),
    "a file is missing": (
        ["train-00000-of-00002.parquet"],
        {},
        "split 'train' in .* do not form one complete set .train-00000-of-00002.parquet.: take",
    ),
    "two layouts": (
        ["data/train.parquet", "default/train/0000.parquet"],
        {},
        "split 'train' in .* do not form one complete set .data/train.parquet, default/train/0000.parquet.: take",
    ),
    "pushed twice": (
        ["train-00000-of-00002-ab12.parquet", "train-00000-of-00002.parquet"],
        {},
        "split 'train' in .* do not form one complete set",
    ),
    "other names": (
        ["train/part-0.parquet", "test/part-0.parquet"],
        {},
        "No Parquet files of .* name of a split 'train': name them under data.train .*It has test/part-0",
    ),
    "no match": (TWO, {"train": "x*.parquet"}, r"data.train is 'x..parquet', which no file of .* matches"),
    "the same twice": (
        TWO,
        {"configuration": "one", "train": "*/train*.parquet", "test": "one/train.parquet"},
        "data.test has one/train.parquet .*so has data.train",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_not_there_gets_a_sentence(name):
    names, data, words = MISTAKES[name]
    with pytest.raises(UserError, match=words):
        chosen(names, **data)


def test_a_file_whose_name_looks_like_a_pattern_can_be_named():
    assert chosen(["a[1].parquet", "b.parquet"], train="a[1].parquet") == {"train": ["a[1].parquet"]}


def test_a_split_may_be_a_test_split_and_the_name_of_another():
    names = ["train.parquet", "validation.parquet", "test.parquet"]
    assert chosen(names, test="validation") == {"train": ["train.parquet"], "test": ["validation.parquet"]}
