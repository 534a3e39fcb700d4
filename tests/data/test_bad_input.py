"""Bad configs and bad data: each gets its sentence, before any training.

Most mistakes are put to the functions that Snakefile and jobs call; a few go through real Snakemake.
"""

import copy
import gzip
import json
import os
from pathlib import Path

import pytest

from bitsweep.config.load import load_settings
from bitsweep.data.sources import check_names, fetch
from bitsweep.data.splits import check_classes, split_rows
from bitsweep.errors import UserError
from bitsweep.files import sha256_file, write_json
from bitsweep.workflow.known_rows import KnownRows
from bitsweep.workflow.rule_params import data_text, official_splits
from tests.helpers.bad_input import BASE, GOOD, SENTENCES, table


def changed(changes: dict) -> dict:
    """Return the config BASE with other values, by the keys' paths."""
    config = copy.deepcopy(BASE)
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    return config


def prepare(config: dict, kept: Path) -> None:
    """Do what happens to data before any training, as the jobs do it."""
    settings = load_settings(config)
    classes = len(settings.label_names)
    tables, _ = fetch(json.loads(data_text(settings)), classes, kept)
    official = {split: tables[split] for split in official_splits(settings)}
    parts = split_rows(tables["train"], official, settings.split.held_out, 1, settings.split.stratified)
    for split, rows in zip(("train", "validation"), parts, strict=False):
        check_classes(rows["label"], classes, split, settings=settings.model_dump())


def write(folder: Path, files: dict[str, str | bytes] | str | bytes) -> None:
    files = files if isinstance(files, dict) else {"rows.csv": files}
    for name, content in {"rows.csv": GOOD, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


# Changes of the config.
CONFIGS = {
    "number for a name": {"experiment": 7},
    "name with a space": {"experiment": "my data"},
    "name with a quote": {"experiment": "it's"},
    "name that calls a shell": {"experiment": "$(reboot)"},
    "name with a line break": {"experiment": "mine\n"},
    "name that leads elsewhere": {"experiment": "../mine"},
    "name with braces": {"experiment": "{mode}"},
    "name with a tilde": {"experiment": "~mine"},
    "name of an emoji": {"experiment": "🎬"},
    "name from right to left": {"experiment": "ניסוי"},
    "name too long": {"experiment": "a" * 300},
    "no name": {"experiment": ""},
    "unknown key": {"trainning": {"epochs": 4}},
    "unknown key of data": {"data.lable": "x"},
    "unknown key of split": {"split.stratify": True},
    "word for a switch": {"split.stratified": "sometimes"},
    "no share held out": {"split.held_out": 0},
    "all held out": {"split.held_out": 1.5},
    "share that is no number": {"split.held_out": float("nan")},
    "rate without end": {"grid": {"mode": ["full"], "batch_size": [8], "learning_rate": [float("inf")]}},
    "negative rate": {"grid": {"mode": ["full"], "batch_size": [8], "learning_rate": ["-1e-3"]}},
    "no rows wanted": {"limit.train": 0},
    "half an epoch": {"training.epochs": 0.5},
    "list for a section": {"split": [0.2, 1]},
    "unknown source": {"data.source": "excel"},
    "number for a path": {"data.train": 7},
    "path with a line break": {"data.train": "rows\n.csv"},
    "path with braces": {"data.train": "{rows}.csv"},
    "path with a tilde": {"data.train": "~/rows.csv"},
    "file that is not there": {"data.train": "row.csv"},
    "file of another kind": {"data.train": "rows.xlsx"},
    "address of another kind": {"data.train": "s3://bucket/rows.csv"},
    "address with half a bracket": {"data.train": "https://[bad/x.csv"},
    "address without a host": {"data.train": "https:///x.csv"},
    "address without a kind": {"data.train": "https://example.org/rows"},
    "folder without labels": {"data.train": "empty"},
    "folder of folders without texts": {"data.train": "texts"},
    "folder for pairs": {"data.train": "texts", "data.pair": "b"},
    "file that cannot be read": {"data.train": "memory.csv"},
    "wrong name of a column": {"data.text": "texts"},
    "no such column": {"data.pair": "question2"},
    "too few values": {"data.values": ["1", "2", "3"]},
    "values that are neither texts nor whole numbers": {"data.values": [0.5, True]},
    "an empty value": {"data.values": ["", "b"]},
    "a value twice": {"data.values": ["1", 1]},
    "a label's name twice": {"label_names": ["no", "no"]},
    "labels for texts": {"data.text": "label"},
    "a text for its pair": {"data.pair": "text"},
    "training rows that test": {"data.test": "./rows.csv"},
    "validation rows that train": {"data.validation": "empty/../rows.csv"},
    "validation rows of the Hub that test": {
        "data": {"source": "hub", "name": "a/b", "train": "1.parquet", "validation": "2.parquet", "test": "2.parquet"}
    },
    "no room for pairs": {"data.pair": "label", "max_length": 4},
    "F1 of three labels": {"label_names": ["a", "b", "c"], "metric": "f1"},
    "regression": {"data": {"source": "glue", "task": "stsb"}},
    "no such task": {"data": {"source": "glue", "task": "sst-2"}},
    "name with two dashes": {"encoder": {"source": "hub", "name": "a/foo--bar"}},
    "name with two dots": {"encoder": {"source": "hub", "name": "a/foo..bar"}},
    "name of a repository of git": {"encoder": {"source": "hub", "name": "a/foo.git"}},
    "name with a dash at its end": {"encoder": {"source": "hub", "name": "a/foo-"}},
    "name too long for the Hub": {"encoder": {"source": "hub", "name": f"a/{'b' * 97}"}},
    "short commit": {"data": {"source": "glue", "task": "cola", "revision": "main"}},
}
# The content of rows.csv, or of several files, and changes of the config.
FILES = {
    "empty file": ("", {}),
    "header only": ("text,label\n", {}),
    "one class": ("text,label\n" + "a,1\n" * 10, {}),
    "labels with decimals": (table("a,1.5"), {}),
    "nothing but decimals": (GOOD.replace(",0", ",0.5").replace(",1", ",1.5"), {}),
    "label without a name": (table("a,2"), {}),
    "label that is a word": (table("a,yes"), {}),
    "label that is not known": (GOOD.replace(",0", ",no").replace(",1", ",yes") + "a,yess\n", {}),
    "missing label": (table("a,"), {}),
    "missing labels": (table("a,\nb,0\nc, \nd,"), {}),
    "missing texts": (table(",0\n,1\n,0\n,1\n,0\n,1"), {}),
    "missing text": (table(",1"), {}),
    "text of only spaces": (table('"  ",1'), {}),
    "row with a cell too many": (table("a, b,1"), {}),
    "row with a cell too few": (table("a"), {}),
    "quote that is not closed": (table('"a,1'), {}),
    "quote in the middle": (table('"a"b,1'), {}),
    "rows that quotes swallow": (table('"a,1\nb",1\n"c,0\nd,1\ne",0'), {}),
    "semicolons": (GOOD.replace(",", ";"), {}),
    "semicolons between quotes": ('"text";"label"\n"a";"0"\n', {}),
    "commas in TSV": ({"rows.tsv": GOOD}, {"data.train": "rows.tsv"}),
    "no header": ("a film that everyone has seen,1\nb,0\n", {}),
    "a comment": (f"# made by hand\n{GOOD}", {}),
    "spaces before quotes": ('"text", "label"\n"a", "0"\n', {}),
    "spaces before the quotes of labels": ('text,label\n"a", "0"\n', {}),
    "a carriage return in a cell": (table("a\rb,1"), {}),
    "a zip archive": (b"PK\x03\x04" + bytes(30), {}),
    "an array that ends early": ({"rows.json": '[{"text": "a", "label": 0},\n{"text": '}, {"data.train": "rows.json"}),
    "a pattern": (GOOD, {"data.train": "rows-*.csv"}),
    "a folder of splits": (
        {"train/0/a.txt": "a", "train/1/a.txt": "b", "test/0/a.txt": "c", "test/1/a.txt": "d"},
        {"data.train": "."},
    ),
    "NUL byte": (table("a\0,1"), {}),
    "another encoding": (GOOD.encode() + "é,1\n".encode("latin-1"), {}),
    "another encoding behind a mark": (b"\xef\xbb\xbftext,label\na\xe9,1\n", {}),
    "JSON with a long list for a text": (
        {"rows.jsonl": json.dumps({"text": ["word"] * 1000, "label": 0})},
        {"data.train": "rows.jsonl"},
    ),
    "UTF-16": (GOOD.encode("utf-16"), {}),
    "100 MB in one cell": (table(f"{'a' * 10**8},1"), {}),
    "a column twice": ("text,label,text\na,1,b\n", {}),
    "a damaged archive": ({"rows.csv.gz": gzip.compress(GOOD.encode())[:-20]}, {"data.train": "rows.csv.gz"}),
    "no JSON": ({"rows.jsonl": '{"text": "a", "label": 0}\n{"text": \n'}, {"data.train": "rows.jsonl"}),
    "a list of JSON": ({"rows.jsonl": '["a", 0]\n'}, {"data.train": "rows.jsonl"}),
    "JSON that lacks a label": ({"rows.jsonl": '{"text": "a", "label": 0}\n{"text": 7}'}, {"data.train": "rows.jsonl"}),
    "JSON with a number for a text": ({"rows.jsonl": '{"text": 7, "label": 0}\n'}, {"data.train": "rows.jsonl"}),
    "JSON with half a character": ({"rows.jsonl": '{"text": "\\ud800", "label": 0}\n'}, {"data.train": "rows.jsonl"}),
    "no Parquet": ({"rows.parquet": GOOD}, {"data.train": "rows.parquet"}),
    "too few rows to hold out": ("text,label\na,0\nb,1\nc,0\n", {}),
    "a class too rare to stratify": (table("a,2"), {"label_names": ["a", "b", "c"], "split.stratified": True}),
    "a label that nothing has": (GOOD, {"label_names": ["a", "b", "c"]}),
    "validation without a label": ({"valid.csv": "text,label\na,0\nb,0\nc,0\n"}, {"data.validation": "valid.csv"}),
    "one validation row": ({"valid.csv": "text,label\na,0\n"}, {"data.validation": "valid.csv"}),
    "test without texts": ({"test.csv": "text,label\n"}, {"data.test": "test.csv"}),
}  # fmt: skip
CASES = {**{name: ({}, changes) for name, changes in CONFIGS.items()}, **FILES}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return a folder to work in, with things that are no good files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts" / "no").mkdir(parents=True)
    # Not even root can read it.
    (tmp_path / "memory.csv").symlink_to("/proc/self/mem")
    (tmp_path / "rows.xlsx").touch()
    return tmp_path


def test_what_the_mistakes_are_made_from_is_good(folder):
    write(folder, {})
    prepare(BASE, folder / "kept")
    assert len(CASES) >= 40
    assert SENTENCES.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_gets_its_sentence(folder, name):
    files, changes = CASES[name]
    write(folder, files)
    with pytest.raises(UserError) as error:
        prepare(changed(changes), folder / "kept")
    assert str(error.value).replace(str(folder), "FOLDER") == SENTENCES[name]


def test_names_of_labels_in_another_order_than_the_file_s_own_are_refused():
    files = {"train": ["neg", "pos"]}
    with pytest.raises(UserError, match=r"label_names is \['pos', 'neg'\], but the file of data.train names its"):
        check_names(files, ["pos", "neg"], None)
    with pytest.raises(UserError, match=r"take these names in this order"):
        check_names(files, ["neg", "good"], None)
    for names, values in ((["neg", "pos"], None), (["bad", "good"], None), (["pos", "neg"], [1, 0])):
        check_names(files, names, values)


def test_rows_of_a_file_that_has_been_replaced_refuse_no_limit_whatever_its_time(folder):
    write(folder, {})
    source = folder / "results" / "data" / "source" / "source.json"
    write_json(source, {"files": {"train": {"name": "rows.csv", "sha256": sha256_file("rows.csv")}}})
    write_json(folder / "results" / "data" / "rows.json", {"rows_of": "key", "train": 16, "validation": 2, "test": 2})
    rows, results = KnownRows("key", '{"train": 50}', ["rows.csv"]), Path("results")
    with pytest.raises(UserError, match=r"limit.train is 50, but the split has 16 rows"):
        rows.check(results)
    (folder / "rows.csv").write_text(GOOD * 2)
    os.utime("rows.csv", (0, 0))
    rows.check(results)
