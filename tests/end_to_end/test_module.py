"""BitSweep as a module of another workflow, which lies and runs in a folder of its own."""

import shutil
from pathlib import Path

import pytest
import yaml

from bitsweep.locks import take
from tests.helpers.workspace import Workspace

SNAKEFILE = """
configfile: "settings.yaml"


module bitsweep:
    snakefile:
        "../bitsweep/Snakefile"
    config:
        config["sweep"]


use rule * from bitsweep as sweep_*


rule answer:
    default_target: True
    input:
        rules.sweep_all.input,
        report="results/small/report/report.md",
    output:
        "answer.txt",
    shell:
        "head -n 1 {input.report} > {output}"


onstart:
    print("The workflow around it starts.")
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Workspace, Workspace]:
    """Return a clone of BitSweep, and a workflow beside it that has made a sweep of two runs by it."""
    folder = tmp_path_factory.mktemp("modules")
    for name in ("bitsweep", "mine"):
        (folder / name).mkdir()
    clone, mine = Workspace(folder / "bitsweep"), Workspace(folder / "mine", made=True)
    config = yaml.safe_load((clone.folder / "configs" / "small.yaml").read_text())
    config["grid"] = {"mode": ["full", "bitfit"], "batch_size": [32], "learning_rate": ["3e-4"]}
    (mine.folder / "settings.yaml").write_text(yaml.safe_dump({"sweep": config, "mode": "a word of its own"}))
    (mine.folder / "Snakefile").write_text(SNAKEFILE)
    # Scripts of one's own are no package.
    (mine.folder / "scripts").mkdir()
    (mine.folder / "scripts" / "fetch_data.py").write_text("raise SystemExit('Another script.')")
    done = mine.snakemake("--cores", "2", "--workflow-profile", "../bitsweep/profiles/default")
    (mine.folder / "said.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout
    return clone, mine


@pytest.fixture
def mine(folders: tuple[Workspace, Workspace]) -> Workspace:
    return folders[1]


def test_a_workflow_makes_a_sweep_to_its_report_from_a_folder_of_its_own(mine):
    results = mine.folder / "results" / "small"
    assert (results / "report" / "index.html").stat().st_size > 100_000
    assert (mine.folder / "answer.txt").read_text().startswith("# ")
    said = (mine.folder / "said.txt").read_text()
    assert "The workflow around it starts." in said
    assert "The report: results/small/report/index.html" in said
    # The encoder is the clone's, by the name that it has there.
    assert not (mine.folder / "models").exists()
    assert mine.plan() == set()
    assert not (mine.folder.parent / "bitsweep" / "results").exists()


def test_a_damaged_file_is_noted_and_made_anew_and_a_call_beside_it_is_refused(mine):
    selection = mine.folder / "results" / "small" / "selection.json"
    whole = selection.read_bytes()
    selection.write_bytes(whole[:-5])
    assert f"Note: results/small/selection.json has {len(whole) - 5} bytes" in mine.snakemake("--dry-run").stdout
    with take(mine.folder / "results" / "small" / ".lock", message=""):
        done = mine.snakemake("--cores", "2")
        assert done.returncode != 0
        assert "Error: Another call works on results/small in this folder" in done.stdout
    done = mine.snakemake("results/small/selection.json", "--cores", "2")
    assert done.returncode == 0, done.stdout
    assert "It is set aside as .selection.json.set-aside, to be made anew." in done.stdout
    assert selection.read_bytes() == whole


def test_a_package_that_jobs_would_take_for_bitsweep_s_is_refused(mine):
    package = mine.folder / "scripts" / "__init__.py"
    package.touch()
    done = mine.snakemake("--dry-run")
    package.unlink()
    assert done.returncode == 1
    assert "Error: The folder scripts here is a Python package by the name of one of BitSweep's" in done.stdout


def test_targets_have_the_name_that_the_workflow_gives_them(mine):
    (mine.folder / "new.csv").write_text("text\nA dull film.\n")
    said = mine.snakemake("sweep_study", "--dry-run").stdout
    assert "Error: study is missing from the config" in said
    # The workflow's own keys on the command line are not taken for those of predict.
    assert mine.plan("--config", "mode=another word") == set()
    (mine.folder / "Snakefile").write_text(SNAKEFILE.replace('config["sweep"]', '{**config["sweep"], **asked}'))
    text = "asked = {key: config[key] for key in config if key == 'input'}\n"
    (mine.folder / "Snakefile").write_text(
        (mine.folder / "Snakefile").read_text().replace("\n\nmodule", f"\n\n{text}\nmodule")
    )
    assert "sweep_predict_file" in mine.plan("sweep_predict", "--config", "input=new.csv")
    (mine.folder / "Snakefile").write_text(SNAKEFILE)


def test_a_clone_that_is_moved_makes_nothing_again(folders, tmp_path):
    clone, mine = folders
    moved = tmp_path / "elsewhere"
    shutil.copytree(clone.folder, moved)
    copy = Workspace(tmp_path / "copy", made=True)
    shutil.copytree(mine.folder, copy.folder, symlinks=True)
    (copy.folder / "Snakefile").write_text(SNAKEFILE.replace("../bitsweep", str(moved)))
    assert copy.plan("--workflow-profile", str(moved / "profiles" / "default")) == set()


def test_a_folder_of_the_workflow_s_own_is_the_encoder_before_that_of_the_clone(folders, tmp_path):
    clone, mine = folders
    copy = Workspace(tmp_path / "mine", made=True)
    shutil.copytree(mine.folder, copy.folder, symlinks=True)
    (tmp_path / "bitsweep").symlink_to(clone.folder)
    encoder = copy.folder / "models" / "bert-tiny"
    shutil.copytree(clone.folder / "models" / "bert-tiny", encoder)
    profile = ("--workflow-profile", "../bitsweep/profiles/default")
    assert copy.plan(*profile) == set()
    config = Path(encoder / "tokenizer_config.json")
    config.write_text(config.read_text() + "\n")
    assert "sweep_fetch_encoder" in copy.plan(*profile)
