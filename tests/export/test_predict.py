"""Requests to predict: each mistake gets a sentence; and what is written beside the user's columns."""

import csv
import json
import subprocess

import pytest

from bitsweep.data.streaming import open_table
from bitsweep.errors import UserError
from bitsweep.export.predict import Predictor, predict_table
from bitsweep.export.run_choice import best_mode
from bitsweep.workflow.predict_request import PredictRequest, check_names, check_targets, read_request, split_config
from tests.helpers.tables import SOURCE


def test_a_table_is_read_a_chunk_at_a_time(tmp_path):
    """What is behind the first chunk, here a mistake, is not read with it."""
    source = tmp_path / "in.csv"
    source.write_text("text,id\n" + "a,1\n" * 100_000 + "one cell\n")
    table = open_table(str(source))
    chunks = table.chunks(1000)
    rows, places = next(chunks)
    assert table.values(rows, "text") == ["a"] * 1000
    assert places[-1] == f"{source}, line 1001"
    with pytest.raises(UserError, match=r"in.csv, line 100002 has 1 cell\(s\), but the header has 2"):
        list(chunks)


class Coin:
    """In the place of a Predictor, where only tables matter."""

    label_names = ("a", "b")

    def columns(self, texts: list[list[str]]) -> dict[str, list]:
        rows = len(texts[0])
        return {"prediction": ["a"] * rows, "probability_a": [0.5] * rows, "probability_b": [0.5] * rows}


def test_what_other_columns_hold_comes_out_as_it_went_in(tmp_path):
    cells = ["a\rb", "\r", "a\nb", "a\r\nb", 'a"b', " ", "a"]
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "other"], *(["t", cell] for cell in cells)])
    predict_table(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), ["text"], Coin(), print)
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["other"] for row in csv.DictReader(file)] == cells
    assert (tmp_path / "out.csv").read_bytes().startswith(b"text,other,prediction,probability_a,probability_b\n")
    (tmp_path / "in.jsonl").write_text('{"id": "é"}\n{"text": "t", "id": "\\ud800"}\n')
    predict_table(str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), ["text"], Coin(), print)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["é", "\ud800"]


WRONG = {
    "no such column": (
        "a.csv",
        "body\nx\n",
        "data.text is 'text', a column that .*a.csv does not have: set the key .* has: body",
    ),
    "no such key": (
        "a.jsonl",
        '{"body": "x"}\n',
        "data.text is 'text', a column that .*a.jsonl does not have: set the key .* has: body",
    ),
    "in the way": ("a.csv", "text,prediction\nx,y\n", "a.csv has a column 'prediction', which predictions"),
    "in a late row's": (
        "a.jsonl",
        '{"text": "x"}\n' * 200 + '{"text": "x", "probability_a": 1}\n',
        "a.jsonl has a column 'probability_a', which predictions",
    ),
    "half a character": ("a.jsonl", '{"text": "x\\ud800"}\n', "line 1 has .ud800 alone, which is half a character"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_gets_a_sentence_by_hand_too(tmp_path, name):
    file, text, words = WRONG[name]
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=words):
        predict_table(str(tmp_path / file), str(tmp_path / f"out.{file}"), ["text"], Coin(), print)
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_a_mistake_is_told_before_the_classifier_is_loaded(tmp_path):
    """The folder has no weights, which nothing notices."""
    (tmp_path / "config.json").write_text('{"id2label": {"0": "a", "1": "b"}}')
    (tmp_path / "calibration.json").write_text('{"temperature": 1.0}')
    (tmp_path / "in.csv").write_text("body\nx\n")
    with pytest.raises(UserError, match=r"data.text is .text., a column that .*in.csv does not have"):
        predict_table(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), ["text"], Predictor(tmp_path, "cpu", 1))


def test_the_best_mode_is_that_of_validation():
    def mode(score, loss):
        return {"validation_accuracy": score, "validation_loss": loss}

    selection = {"a": mode(0.7, 0.5), "b": mode(0.8, 0.6), "c": mode(0.8, 0.4), "d": None, "e": mode(0.8, 0.4)}
    assert best_mode(selection, "accuracy") == "c"
    with pytest.raises(UserError, match="In every setting of every mode a run diverged or failed"):
        best_mode({"a": None}, "accuracy")


def test_a_request_is_no_part_of_the_config():
    """But a config file that has its keys is mistaken, as with any unknown key."""
    config = {"experiment": "small", "input": "a.csv", "mode": "full"}
    assert split_config(config, {"input": "a.csv"}) == (
        {"experiment": "small", "mode": "full"},
        {"input": "a.csv"},
    )


def test_a_request_names_the_table_to_write(settings, tmp_path):
    (tmp_path / "a.b.csv").write_text("text\nx\n")
    request = read_request({"input": str(tmp_path / "a.b.csv")}, settings, "results/small")
    assert request == PredictRequest(str(tmp_path / "a.b.csv"), "results/small/predictions/a.b.csv", ["text"], None)


MISTAKES = {
    "no input": ({"mode": "full"}, ["input is missing", "--config input=FILE"]),
    "no such file": ({"input": "none.csv"}, ["input is 'none.csv'", "correct the path"]),
    "a folder": ({"input": "."}, ["input is '.'", "a folder"]),
    "another suffix": (
        {"input": "a.xlsx"},
        ["a.xlsx is of a kind that cannot be read: name a file that ends in one of .csv, .tsv"],
    ),
    "no such column": (
        {"input": "wrong.csv"},
        ["data.text is 'text'", "wrong.csv does not have", "did you mean 'Text'?"],
    ),
    "twice the column": ({"input": "twice.csv"}, ["twice.csv has more than one column 'text'", "rename"]),
    "empty": ({"input": "empty.csv"}, ["empty.csv is empty", "header"]),
    "in the way": ({"input": "again.csv"}, ["again.csv has a column 'prediction'", "rename or remove"]),
    "another encoding": ({"input": "latin.csv"}, ["latin.csv, line 2", "not UTF-8: save the file as UTF-8"]),
    "no JSON": ({"input": "a.jsonl"}, ["a.jsonl, line 1 is not JSON"]),
    "no Parquet": ({"input": "a.parquet"}, ["a.parquet cannot be read as Parquet"]),
    "no such mode": ({"input": "good.csv", "mode": "bitfits"}, ["mode is 'bitfits'", "did you mean bitfit?"]),
    "another format": ({"input": "good.csv", "output": "x.tsv"}, ["output is 'x.tsv'", "end in .csv"]),
    "itself": ({"input": "good.csv", "output": "./good.csv"}, ["output is 'good.csv', the input itself"]),
    "not ours": ({"input": "good.csv", "output": "wrong.csv"}, ["output is 'wrong.csv'", "not made by predict"]),
    "braces": ({"input": "good.csv", "output": "{x}.csv"}, ["output is '{x}.csv'", "braces"]),
    "braces in it": ({"input": "{x}.csv"}, ["input is '{x}.csv'", "braces", "rename"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_a_sentence_before_anything_runs(settings, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    files = {"good.csv": "text\na\n", "wrong.csv": "Text\na\n", "twice.csv": "text,text\na,b\n", "empty.csv": ""}
    files |= {"again.csv": "text,prediction\na,b\n", "a.xlsx": "", "a.jsonl": "text", "a.parquet": "PAR1"}
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    (tmp_path / "latin.csv").write_bytes("text\nfür\n".encode("latin-1") * 9)
    asked, words = MISTAKES[name]
    with pytest.raises(UserError) as error:
        read_request(asked, settings, "results/small")
    assert all(word in str(error.value) for word in words), error.value


def test_names_that_would_not_reach_a_cluster_s_jobs_get_a_sentence():
    for name in ("it's ~ ü.csv", '$(mine) `x` "y".csv', "a; b & c*.csv"):
        # What Snakemake writes into a job's script.
        said = subprocess.run(["bash", "-c", f"printf %s {name!r}"], capture_output=True, text=True, check=True)
        assert said.stdout == name
        check_names(PredictRequest(name, "b.csv", ["text"], None))
    for name in (SOURCE, "a\\b.csv", "'\".csv", "\x85.csv"):
        with pytest.raises(UserError, match=r"output is .*changes on the way to a cluster's jobs"):
            check_names(PredictRequest("a.csv", name, ["text"], None))


def test_a_request_for_another_target_gets_a_sentence():
    request = PredictRequest("a.csv", "b.csv", ["text"], None)
    check_targets(request, {"predict"})
    check_targets(None, set())
    with pytest.raises(UserError, match=r"input is 'a.csv', which only the target predict takes"):
        check_targets(request, set())
