"""The splits: the reference's own, disjoint, and rows that cannot be used are named."""

import gzip
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import yaml
from datasets import Dataset

from bitsweep.config.load import load_settings
from bitsweep.data.readers import SUFFIXES, Table
from bitsweep.data.rows import clean
from bitsweep.data.sources import fetch, read_package, without_unlabelled
from bitsweep.data.splits import check_classes, check_limit, split_rows
from bitsweep.data.tokenizer import load_tokenizer
from bitsweep.errors import UserError
from bitsweep.files import sha256_file
from bitsweep.workflow.rule_params import data_text, experiment_text, sha256_folder
from tests.helpers.workspace import ROOT


@pytest.fixture(scope="module")
def reviews() -> pd.DataFrame:
    data = yaml.safe_load((ROOT / "config.yaml").read_text())["data"]
    columns = {"text": data["text"], "label": data["label"]}
    return clean(read_package(data["package"], data["file"], data["where"], columns), 2)[0]


def test_the_split_is_the_reference_s(reviews):
    assert len(reviews) == 25_000
    assert reviews["label"].value_counts().to_dict() == {0: 12_500, 1: 12_500}
    train, validation, test = split_rows(reviews, {}, 0.2, 3463)
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
    train, validation, test = split_rows(labelled, {"test": official}, 0.2, 3463)
    assert (len(train), len(validation)) == (8, 2)
    assert sorted(test["row"]) == list(range(100))
    assert (official["text"].iloc[test["row"]].to_numpy() == test["text"].to_numpy()).all()
    # Sorted by label at the source, mixed here: a limit takes the first rows.
    assert set(test["label"].iloc[:20]) == {0, 1}


def test_too_few_rows_to_hold_out_are_told():
    labelled = pd.DataFrame({"text": ["a", "b", "c"], "label": [0, 1, 0]})
    with pytest.raises(UserError, match=r"split.held_out is 0.2"):
        split_rows(labelled, {}, 0.2, 1)


def test_a_limit_that_the_split_does_not_have_is_told():
    check_limit(3, 3, "train")
    check_limit(3, None, "train")
    with pytest.raises(UserError, match=r"limit.train is 4, but the split has 3 rows"):
        check_limit(3, 4, "train")


def rows_of(texts: str, labels: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"text": list(texts), "label": labels})


def test_an_official_validation_split_validates_and_half_of_it_tests():
    labelled, validation = rows_of("abcdefghij", [0] * 5 + [1] * 5), rows_of("uvwxyz", [0, 0, 0, 1, 1, 1])
    train, valid, test = split_rows(labelled, {"validation": validation}, 0.2, 3463)
    # Sorted by label at the source, mixed here.
    assert sorted(train["text"]) == list("abcdefghij")
    assert train["text"].tolist() != list("abcdefghij")
    assert (len(valid), len(test)) == (3, 3)
    assert sorted([*valid["text"], *test["text"]]) == list("uvwxyz")
    assert (validation["text"].iloc[test["row"]].to_numpy() == test["text"].to_numpy()).all()


def test_official_splits_are_taken_whole():
    official = {"validation": rows_of("uvw", [0, 1, 0]), "test": rows_of("xyz", [1, 0, 1])}
    train, valid, test = split_rows(rows_of("abcd", [0, 1, 0, 1]), official, 0.2, 3463)
    assert [sorted(part["text"]) for part in (train, valid, test)] == [list("abcd"), list("uvw"), list("xyz")]


def test_one_validation_row_is_too_little_to_test_too():
    with pytest.raises(UserError, match=r"1 row.*give the validation split more rows, or name a test split"):
        split_rows(rows_of("abcd", [0, 1, 0, 1]), {"validation": rows_of("x", [0])}, 0.2, 1)


def test_a_stratified_split_keeps_the_shares_of_labels():
    labels = [0] * 80 + [1] * 20
    labelled = pd.DataFrame({"text": [f"t{row}" for row in range(100)], "label": labels})
    parts = split_rows(labelled, {}, 0.2, 3463, stratified=True)
    assert [part["label"].tolist().count(1) for part in parts] == [16, 2, 2]
    assert len(set.union(*(set(part["row"]) for part in parts))) == 100
    parts = split_rows(labelled, {"validation": labelled}, 0.2, 3463, stratified=True)
    assert [part["label"].tolist().count(1) for part in parts] == [20, 10, 10]
    rows = rows_of("abcdefghij", [0] * 6 + [1] * 4)
    with pytest.raises(UserError, match=r"split.held_out is 0.1 and .* label 1 has only 4 of 10 rows.*nearer to 0.5"):
        split_rows(rows, {}, 0.1, 1, stratified=True)
    # Enough to hold out, but not to halve.
    with pytest.raises(
        UserError, match=r"split.held_out is 0.3, half.* label 1 has only 1 of 3 rows.*raise split.held"
    ):
        split_rows(rows, {}, 0.3, 1, stratified=True)
    with pytest.raises(UserError, match=r"Half of the validation.* label 1 has only 1 of 4 rows.*name a test split"):
        split_rows(rows, {"validation": rows_of("abcd", [0, 0, 0, 1])}, 0.2, 1, stratified=True)


def test_training_rows_without_a_label_are_told_and_so_is_any_split_with_one_alone():
    check_classes([0, 1, 2], 3, "train")
    # It can select; examination tells it.
    check_classes([0, 1, 1], 3, "validation")
    with pytest.raises(UserError, match=r"The train split has no row with label 2.*: give it rows.*stratified"):
        check_classes([0, 1, 1], 3, "train")
    for split in ("train", "validation"):
        with pytest.raises(UserError, match=rf"The {split} split has only one label, 1: raise limit.{split}"):
            check_classes([1, 1], 2, split, limit=2)


def test_a_label_has_its_name_and_stratifying_is_advised_only_where_it_would_help():
    names, files = {"label_names": ["bad", "good"]}, {"source": "files", "validation": None}
    one = "The validation split has only one label, 1 (good): give it rows with every label"
    helps = ", or set split.stratified to true"
    for settings, sentence in [
        ({"data": files, "split": {"stratified": False}}, f"{one}{helps}."),
        ({"data": files, "split": {"stratified": True}}, f"{one}."),
        ({"data": {**files, "validation": "valid.csv"}, "split": {"stratified": False}}, f"{one}."),
        ({"data": {"source": "glue", "task": "sst2"}}, f"{one}."),
        ({"data": {"source": "hub", "validation": None}}, f"{one}{helps} where rows are held out."),
    ]:
        with pytest.raises(UserError) as error:
            check_classes([1, 1], 2, "validation", settings={**names, **settings})
        assert str(error.value) == sentence
    with pytest.raises(
        UserError, match=r"^The train split has only one label, 0 \(bad\): give it rows with every label.$"
    ):
        check_classes([0, 0], 2, "train", settings={**names, "data": files})
    with pytest.raises(UserError, match=r"no row with label 1 \(good\), 2 \(fair\): raise limit.train, give it rows"):
        check_classes([0, 3], 4, "train", 2, {"label_names": ["bad", "good", "fair", "odd"], "data": files})


def test_the_sentences_of_rotten_tomatoes_are_split_evenly(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = load_settings(yaml.safe_load((ROOT / "configs" / "rotten_tomatoes.yaml").read_text()))
    tables, _ = fetch(json.loads(data_text(settings)), 2, tmp_path)
    split = settings.split
    parts = split_rows(tables["train"], {}, split.held_out, split.seed, split.stratified)
    assert [(len(part), part["label"].sum()) for part in parts] == [(6397, 3199), (1066, 533), (1067, 533)]


ROWS = [("What a film!", "good", "I liked, it"), ('He said "no"', "bad", "Über\nlang"), ("null", "good", "NA")]


def write(folder: Path, kind: str) -> Path:
    """Return the ROWS in a file of a kind, or in a folder, which has no pairs."""
    table = pd.DataFrame(ROWS, columns=["text", "label", "pair"])
    path = folder / f"rows{kind}"
    if kind == "":
        for number, (text, label, _) in enumerate(ROWS):
            (path / label).mkdir(parents=True, exist_ok=True)
            (path / label / f"{number}.txt").write_text(text)
    elif ".csv" in kind or ".tsv" in kind:
        table.to_csv(path, index=False, sep="\t" if ".tsv" in kind else ",", encoding="utf-8-sig")
    elif kind == ".parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True, force_ascii=False)
    return path


@pytest.mark.parametrize("kind", [*SUFFIXES, ""])
def test_every_kind_of_file_gives_the_same_rows(tmp_path, kind):
    path = write(tmp_path, kind)
    data = {"source": "files", "train": str(path), "text": "text", "label": "label", "values": ["bad", "good"]}
    data |= {"pair": "pair"} if kind else {}
    tables, described = fetch(data, 2, tmp_path / "kept")
    rows = tables["train"].sort_values("text", ascending=False)
    assert rows["text"].tolist() == ["null", "What a film!", 'He said "no"']
    assert rows["label"].tolist() == [1, 1, 0]
    if kind:
        assert rows["pair"].tolist() == ["NA", "I liked, it", "Über\nlang"]
        assert described["files"]["train"]["sha256"] == sha256_file(path)


def test_a_folder_s_sum_is_that_of_the_texts_that_are_read(tmp_path):
    folder, elsewhere = tmp_path / "rows", tmp_path / "elsewhere"
    for path in (folder / "bad", elsewhere):
        path.mkdir(parents=True)
        (path / "1.txt").write_text("a text")
    (folder / "good").symlink_to(elsewhere)
    before = sha256_folder(str(folder))
    (folder / ".DS_Store").touch()
    (folder / "good" / "notes.md").touch()
    assert sha256_folder(str(folder)) == before
    (elsewhere / "1.txt").write_text("another text")
    assert sha256_folder(str(folder)) != before


def test_rows_of_the_hub_without_a_label_or_a_text_are_left_out_but_stop_a_test_split():
    labels = [0, -1, None, float("nan"), 1, 1]
    table = Table("a", {"text": ["a", "b", "c", "d", None, "f"], "label": labels}, range(6), "row")
    kept = without_unlabelled(table, "train", ())
    assert (kept.columns, kept.places) == ({"text": ["a", "f"], "label": [0, 1]}, [0, 5])
    assert len(without_unlabelled(table, "train", [-1, 0, 1]).places) == 3
    with pytest.raises(UserError, match=r"a, row 1 has no label.*set data.test to another .*leave data.test out"):
        without_unlabelled(table, "test", ())
    hidden = Table("a", {"text": ["a", "b"], "label": [-1, -1]}, range(2), "row")
    with pytest.raises(UserError, match=r"no row with a text and a label: set data.validation to another"):
        without_unlabelled(hidden, "validation", ())


def test_the_report_says_no_secrets_of_an_address():
    encoder = {"source": "folder", "path": str(ROOT / "models" / "bert-tiny")}
    data = {"source": "files", "train": "https://me:word@example.org/rows.csv?token=abc#x", "values": ["a", "b"]}
    settings = load_settings({"experiment": "x", "data": data, "label_names": ["a", "b"], "encoder": encoder})
    assert json.loads(experiment_text(settings))["data"] == "https://example.org/rows.csv"


class Web(SimpleHTTPRequestHandler):
    """Fails once, then serves a table; `asked` counts."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        body = b"text,label\na,0\nb,1\n"
        missing = "none" in self.path
        hour = "later" in self.path
        packed = ".gz" in self.path
        body = gzip.compress(body) if packed else body
        self.send_response(404 if missing else 503 if hour or self.asked == 1 else 200)
        if hour:
            self.send_header("Retry-After", "3600")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def test_an_address_is_downloaded_once_and_its_failures_are_told(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}/some/rows.csv"
    address = f"http://user:password@{place}?token=y.z"
    data = {"source": "files", "text": "text", "label": "label"}
    for _ in range(2):
        tables, described = fetch({**data, "train": address}, 2, tmp_path)
        assert tables["train"]["text"].tolist() == ["a", "b"]
        # The report has it, without what may be secret.
        assert described["files"]["train"]["name"] == f"http://{place}"
    # The first answer was that the server is busy.
    assert Web.asked == 2
    # Its packing is taken for that of the way, and undone there.
    tables, _ = fetch({**data, "train": address.replace("rows.csv", "rows.csv.gz")}, 2, tmp_path)
    assert tables["train"]["text"].tolist() == ["a", "b"]
    with pytest.raises(UserError, match=r"data.train is .*none.csv.*which answered 404: check the address"):
        fetch({**data, "train": address.replace("rows", "none")}, 2, tmp_path)
    with pytest.raises(UserError, match=r"data.train is .*which answered 503 and asks for 3,600 s of waiting: "):
        fetch({**data, "train": address.replace("rows", "later")}, 2, tmp_path)
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"data.train is .*new.csv.*which cannot be fetched .*download the file"):
        fetch({**data, "train": address.replace("rows", "new")}, 2, tmp_path)


def test_pairs_have_token_types_and_the_longer_text_is_cut_first(encoder):
    encoding = load_tokenizer(encoder, 9).encode("a film", "one two three four five six seven")
    assert encoding.tokens == ["[CLS]", "a", "film", "[SEP]", "one", "two", "three", "four", "[SEP]"]
    assert encoding.type_ids == [0] * 4 + [1] * 5
