"""Tables as people have them: each kind of file gives the same rows, and what is not read is counted."""

import csv
import gzip
import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from bitsweep.config.load import load_settings
from bitsweep.data.examination import compare_names
from bitsweep.data.sources import fetch
from bitsweep.data.streaming import open_table
from bitsweep.data.table_survey import look_at
from bitsweep.errors import UserError
from bitsweep.workflow.rule_params import data_text
from tests.helpers.bad_input import BASE

# Twenty texts, each with a label as it may stand in a file, and the label that it means.
AWKWARD = [
    ('He said "no"', "0", 0),
    ('"No," he said', "1", 1),
    ('"A whole text in quotes"', " 0", 0),
    ("It's fine", "1 ", 1),
    ("one, two, three", "0.0", 0),
    ("one\ttwo", "1.0", 1),
    ("one; two | three", "+0", 0),
    ("two\nlines", "01", 1),
    ("two\r\nlines of Windows", "00", 0),
    ("two\rlines of old", "1.", 1),
    ("  spaces around  ", "-0", 0),
    ("no-break\u00a0space", "\t1", 1),
    ("a film \U0001f3ac\U0001f44d", "0", 0),
    ("Größe, 影, שלום", "1", 1),
    ("null", "0", 0),
    ("NA", "1", 1),
    ("# no comment", "0", 0),
    ("the same", "1", 1),
    ("the same", "1", 1),
    ("long " * 3000, "0", 0),
]
TEXTS, CELLS, NUMBERS = map(list, zip(*AWKWARD, strict=True))
RECORDS = [{"text": text, "label": cell} for text, cell in zip(TEXTS, CELLS, strict=True)]


def delimited(delimiter: str) -> bytes:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(
        [("text", "label"), *zip(TEXTS, CELLS, strict=True)]
    )
    return file.getvalue().encode()


def parquet() -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"text": TEXTS, "label": CELLS}), file)
    return file.getvalue()


LINES = "".join(f"{json.dumps(record)}\n" for record in RECORDS).encode()
KINDS = {
    "a.csv": delimited(","),
    "a.tsv": delimited("\t"),
    "a.csv.gz": gzip.compress(delimited(",")),
    # Packed, though the name does not say so.
    "b.csv": gzip.compress(delimited(",")),
    "c.csv": b"sep=;\r\n" + delimited(";"),
    "d.csv": delimited(",").replace(b'\r\n"', b'\r\n\r\n  \r\n"'),
    "a.jsonl": LINES,
    "a.json": LINES,
    "b.json": json.dumps(RECORDS, indent=2).encode(),
    "a.parquet": parquet(),
}


def settings_of(path: Path, **changes):
    data = {"source": "files", "train": str(path), **changes.pop("data", {})}
    return load_settings({**BASE, "data": data, **changes})


def read(path: Path, **changes) -> tuple[pd.DataFrame, dict]:
    """Return the training rows of a file, as the jobs read them, and what is said of them."""
    settings = settings_of(path, **changes)
    tables, described = fetch(json.loads(data_text(settings)), len(settings.label_names), path.parent / "fetched")
    return tables["train"], described


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_gives_the_same_awkward_rows(tmp_path, name):
    (tmp_path / name).write_bytes(KINDS[name])
    rows, described = read(tmp_path / name)
    assert rows["text"].tolist() == TEXTS
    assert rows["label"].tolist() == NUMBERS
    assert "notes" not in described


def test_a_folder_gives_them_too_whatever_the_capitals_of_its_names(tmp_path):
    for number, (text, _, label) in enumerate(AWKWARD):
        folder = tmp_path / "texts" / str(label) / ("deep" if number % 3 else "")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02}.{'TXT' if number % 2 else 'txt'}").write_bytes(text.encode())
    (tmp_path / "texts" / "0" / "notes.md").touch()
    (tmp_path / "texts" / "README").touch()
    (tmp_path / "texts" / "0" / ".DS_Store").touch()
    rows, described = read(tmp_path / "texts")
    expected = sorted((text, label) for text, _, label in AWKWARD)
    assert sorted(zip(rows["text"], rows["label"], strict=True)) == expected
    (note,) = described["notes"]
    assert note.startswith("2 files that are no .txt files are passed over in ")
    assert note.endswith("texts (data.train): README, notes.md.")
    survey = look_at(str(tmp_path / "texts"), "text", "label")
    assert (survey.rows, len(survey.notes)) == (20, 1)


def test_a_file_whose_lines_end_in_carriage_returns_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,label\r" + b"a,0\rb,1\r" * 3)
    rows, _ = read(tmp_path / "a.csv")
    assert rows["text"].tolist() == ["a", "b"] * 3


# A table that was saved without quoting: ten of its 30 rows begin with a quote, and ten end in one.
UNQUOTED = "".join(f"{text}\t{row % 2}\n" for row, text in enumerate(['"a film', "plain", 'the end"'] * 10))


@pytest.mark.parametrize(("name", "separator"), [("a.tsv", "\t"), ("a.csv", ",")])
def test_quotes_that_are_part_of_texts_are_refused_or_read_but_swallow_no_row(tmp_path, name, separator):
    path = tmp_path / name
    path.write_text(f"text{separator}label\n" + UNQUOTED.replace("\t", separator))
    words = r"lines 2 to 4, 5 to 7, .*, 14 to 16 and 5 other places would be one row each: set data.quoting to none"
    with pytest.raises(UserError, match=words):
        read(path)
    with pytest.raises(UserError, match=words.replace("data.", "--")):
        look_at(str(path), "text", "label")
    rows, _ = read(path, data={"quoting": "none"})
    assert rows["text"].tolist() == ['"a film', "plain", 'the end"'] * 10
    assert look_at(str(path), "text", "label", quoting="none").rows == 30
    assert look_at(str(path), "text", "label", quoting="standard").rows == 10
    # What is read without quotes is written without them.
    table = open_table(str(path))
    table.reading.quoting = "none"
    with table.writer(tmp_path / "out", ["prediction"]) as write:
        for chunk, places in table.chunks(5):
            write(chunk, {"prediction": [f"yes{separator}"] * len(places)})
    assert (tmp_path / "out").read_text().splitlines()[1] == separator.join(['"a film', "0", "yes "])


def test_texts_that_span_lines_are_read_where_these_hold_no_labels(tmp_path):
    texts = ["Dear all,\nbye", "one, two\nthree, four", "a,\nb,\nc", "1\n2"] * 2
    pd.DataFrame({"text": texts, "label": [0, 1] * 4}).to_csv(tmp_path / "a.csv", index=False)
    assert read(tmp_path / "a.csv")[0]["text"].tolist() == texts


def test_lines_that_repeat_the_header_are_passed_over_and_counted(tmp_path):
    part = "text,label\n" + "a,0\nb,1\n" * 3
    (tmp_path / "a.csv").write_text(part * 3)
    rows, described = read(tmp_path / "a.csv")
    assert len(rows) == 18
    assert described["notes"] == [f"2 lines repeat its header and are passed over in {tmp_path}/a.csv (data.train)."]
    survey = look_at(str(tmp_path / "a.csv"), "text", "label")
    assert survey.labels == {0: 9, 1: 9}
    assert survey.notes == [f"2 lines repeat its header and are passed over in {tmp_path}/a.csv."]
    (tmp_path / "b.csv").write_text("text,label\n" + "a,0\nb,1\n" * 3 + "\ufeffText, label\n" + "a,0\n")
    assert len(read(tmp_path / "b.csv")[0]) == 7
    # In a table to predict on they are rows.
    assert sum(len(rows) for rows, _ in open_table(str(tmp_path / "a.csv")).chunks(5)) == 20


def test_rows_without_a_text_or_a_label_are_left_out_on_request_and_counted(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n' + LINES.decode() + '{"text": " ", "label": 0}\n{"label": 1}\n')
    with pytest.raises(UserError, match=r"line 22 has a text of only spaces: .* or set data.empty to drop"):
        read(tmp_path / "a.jsonl")
    rows, described = read(tmp_path / "a.jsonl", data={"empty": "drop"})
    assert rows["text"].tolist() == TEXTS
    (note,) = described["notes"]
    assert note.startswith("3 rows without a text or a label are left out of ")


@pytest.mark.parametrize(
    "cells", [("0", "1"), (" 0", " 1"), (0, 1), (0.0, 1.0), ("0.0", "1.0"), (" 0.0", "01")], ids=str
)
@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("label_names", [["no", "yes"], ["0", "1"], ["1", "0"]], ids=" ".join)
def test_a_label_means_the_same_in_every_format_and_spelling(tmp_path, cells, kind, label_names):
    table = pd.DataFrame({"text": ["a", "b"] * 5, "label": list(cells) * 5})
    path = tmp_path / f"a{kind}"
    if kind == ".csv":
        table.to_csv(path, index=False)
    elif kind == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_parquet(path)
    first = 1 if label_names == ["1", "0"] else 0
    assert read(path, label_names=label_names)[0]["label"].tolist() == [first, 1 - first] * 5


@pytest.mark.parametrize("values", [[False, True], ["false", "true"], ["False", "True"]], ids=str)
def test_truth_values_match_true_and_false_however_they_are_spelled(tmp_path, values):
    (tmp_path / "a.jsonl").write_text('{"text": "a", "label": false}\n{"text": "b", "label": true}\n' * 5)
    (tmp_path / "a.csv").write_text("text,label\n" + "a,False\nb,True\n" * 5)
    for name in ("a.jsonl", "a.csv"):
        assert read(tmp_path / name, data={"values": values})[0]["label"].tolist() == [0, 1] * 5
        assert len(look_at(str(tmp_path / name), "text", "label").labels) == 2


def test_names_are_trimmed_as_cells_are(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n" + "a,not spam \nb,spam \n" * 5)
    for names in (["not spam ", "spam "], ["not spam", "spam"]):
        assert read(tmp_path / "a.csv", label_names=names)[0]["label"].tolist() == [0, 1] * 5


def test_labels_whose_names_the_file_itself_gives(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["pos", "neg"])})
    path = tmp_path / "a.parquet"
    Dataset.from_dict({"text": ["a", "b"] * 5, "label": [0, 1] * 5}, features=features).to_parquet(path)
    assert read(path, label_names=["pos", "neg"])[0]["label"].tolist() == [0, 1] * 5
    # In another order they are found by their names.
    rows, described = read(path, label_names=["neg", "pos"])
    assert rows["label"].tolist() == [1, 0] * 5
    assert described["class_names"] == {"train": ["pos", "neg"]}
    survey = look_at(str(path), "text", "label")
    assert [survey.name(label) for label in survey.labels] == ["pos", "neg"]
    # However they are spelled; whole numbers among the values are those of the column.
    assert read(path, label_names=["Neg", " POS"])[0]["label"].tolist() == [1, 0] * 5
    assert read(path, label_names=["a", "b"], data={"values": [1, 0]})[0]["label"].tolist() == [1, 0] * 5
    with pytest.raises(UserError, match=r"label_names is \['neg', 'other'\], but .* names its labels \['pos', 'neg'\]"):
        read(path, label_names=["neg", "other"])
    names = {"train": ["pos", "neg"]}
    assert compare_names(names, ["pos", "neg"]) == []
    assert compare_names(names, ["good", "bad"]) == [
        "The file of data.train names its labels pos, neg, and label_names names them good, bad."
    ]


def test_labels_that_typing_made_are_told(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n" + "a,Positive\n" + "b,positive\n" * 9 + "c,negative\n" * 9)
    (note,) = look_at(str(tmp_path / "a.csv"), "text", "label").notes
    assert note.startswith(
        "The labels 'Positive' (1) and 'positive' (9) differ in capitals, spaces or the spelling of a"
    )


def test_the_predictions_for_a_json_array_are_one(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(RECORDS))
    table = open_table(str(tmp_path / "a.json"))
    with table.writer(tmp_path / "out.json", ["prediction"]) as write:
        for chunk, places in table.chunks(7):
            write(chunk, {"prediction": ["yes"] * len(places)})
    assert json.loads((tmp_path / "out.json").read_text()) == [{**record, "prediction": "yes"} for record in RECORDS]


SWALLOWED = {
    "a blank line after each row": "".join(f"{line}\n\n" for line in UNQUOTED.splitlines()),
    "an odd label within": UNQUOTED.replace("plain\t1", "plain\tpo s"),
    "a missing label within": UNQUOTED.replace("plain\t1\n", "plain\t\n"),
    "names for labels": UNQUOTED.replace("\t0", "\tneg").replace("\t1", "\tpos"),
}


@pytest.mark.parametrize("name", SWALLOWED)
@pytest.mark.parametrize("label_first", [False, True])
def test_rows_that_quotes_swallow_are_found_whatever_else_is_odd(tmp_path, name, label_first):
    lines = [line.split("\t") for line in ("text\tlabel\n" + SWALLOWED[name]).splitlines()]
    (tmp_path / "a.tsv").write_text("".join("\t".join(line[::-1] if label_first else line) + "\n" for line in lines))
    with pytest.raises(UserError, match=r"has quotes that open in one row and close in another"):
        read(tmp_path / "a.tsv", label_names=["neg", "pos"] if "names" in name else ["0", "1"])


@pytest.mark.parametrize("text", ["Dear John\nbye, you", "Total, 5\nend", "a\rb\nc", "one, two\nthree, four"])
@pytest.mark.parametrize("columns", [["text", "label"], ["label", "text"]], ids=" ".join)
def test_texts_that_span_lines_are_no_rows_wherever_the_label_stands(tmp_path, text, columns):
    table = pd.DataFrame({"text": [text] * 20, "label": ["neg", "pos"] * 10})
    table[columns].to_csv(tmp_path / "a.csv", index=False, quoting=csv.QUOTE_NONNUMERIC)
    assert read(tmp_path / "a.csv", label_names=["neg", "pos"])[0]["text"].tolist() == [text] * 20


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "a", "label": 0}]\n[{"text": "b", "label": 1}]',
        '[{"text": "a", "label": 0}]\nmore',
        '[{"text": "a", "label": 0} {"text": "b", "label": 1}]',
        '[{"text": "a", "label": 0},, {"text": "b"}]',
        '[{"text": "a", "label": 0},]',
    ],
)
def test_nothing_behind_or_between_the_items_of_an_array_is_passed_over(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=r"line \d (has something|is not JSON)"):
        read(tmp_path / "a.json")


def test_every_row_of_a_table_to_predict_on_is_one(tmp_path):
    (tmp_path / "a.tsv").write_text("text\tlabel\na\t1\n\t\nb\t2\n  \t \n")
    assert sum(len(rows) for rows, _ in open_table(str(tmp_path / "a.tsv")).chunks(5)) == 4


def test_a_folder_that_links_to_itself_is_read_once(tmp_path):
    for label in ("0", "1"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "a.txt").write_text("a text")
    (tmp_path / "texts" / "0" / "again").symlink_to(tmp_path / "texts" / "0")
    assert len(read(tmp_path / "texts")[0]) == 2


def test_rows_without_a_label_are_counted_by_the_survey(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n" + "a,0\nb,1\n" * 5 + ",\nc,\n")
    assert look_at(str(tmp_path / "a.csv"), "text", "label").empty == 2
