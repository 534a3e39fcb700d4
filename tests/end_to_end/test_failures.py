"""Where jobs fail, the last lines that a person sees are the sentences of what failed, each once."""

import os
import signal
import time

import pytest

from tests.helpers.bad_input import BASE, GOOD, SENTENCES, table

LIMIT = "Error: limit.validation is 5000, but the split has 4 rows: lower it, or set it to null."
END = "At least one job did not complete successfully."


@pytest.fixture
def mistaken(workspace):
    """Return a workspace with a config whose limit only jobs find too large: each check_mode says the same."""
    (workspace.folder / "rows.csv").write_text(GOOD)
    workspace.config("mistaken", data=BASE["data"], label_names=BASE["label_names"], limit={"validation": 5000})
    return workspace


CHECKED = [f"results/mistaken/checked/{mode}.txt" for mode in ("full", "bitfit")]
CALL = (*CHECKED, "--cores", "2", "--configfile", "configs/mistaken.yaml")


@pytest.mark.parametrize("logger", [(), ("--logger", "rich")], ids=["plain", "rich"])
def test_the_last_line_is_the_sentence_of_what_failed(mistaken, logger):
    done = mistaken.snakemake(*CALL, *logger)
    assert done.returncode == 1
    # Where it has no terminal, the progress bar ends with empty lines.
    lines = done.stdout.rstrip().splitlines()
    assert lines[-2:] == ["", LIMIT]
    if not logger:
        # Both jobs failed.
        assert done.stdout.count("Error in rule check_mode:") == 2
        assert lines[-3] == END


def test_each_of_several_sentences_is_said(mistaken):
    (mistaken.folder / "rows.csv").write_text(table("a,1.5"))
    (mistaken.folder / "models" / "bert-tiny" / "tokenizer.json").write_text("{}")
    done = mistaken.snakemake(*CALL)
    assert done.returncode == 1
    said = done.stdout.split(f"{END}\n")[-1].strip().splitlines()
    assert len(said) == 2, done.stdout
    assert f"Error: {SENTENCES['labels with decimals']}" in said
    assert any(line.startswith("Error: The tokenizer of models/bert-tiny cannot be loaded") for line in said)


def test_a_label_is_named_though_its_name_is_no_param(mistaken):
    (mistaken.folder / "valid.csv").write_text("text,label\na,0\nb,0\nc,0\n")
    mistaken.config("mistaken", data={**BASE["data"], "validation": "valid.csv"}, label_names=["no", "yes"], limit={})
    done = mistaken.snakemake("results/mistaken/tokens/validation.safetensors", *CALL[2:])
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == f"Error: {SENTENCES['validation without a label']}"


def test_a_submitted_job_leaves_the_last_word_to_the_call(mistaken):
    """The submit command runs each job at once, so that what its own process says is said here as well."""
    submit = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh", "--jobs", "2")
    done = mistaken.snakemake(*CALL, *submit, "--seconds-between-status-checks", "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-3:] == [END, "", LIMIT]
    assert done.stdout.count(f"{END}\n") == 3
    assert done.stdout.count(f"{END}\n\nError:") == 1


def test_ctrl_c_is_no_failure_of_a_job(mistaken):
    log = mistaken.folder / "said.txt"
    call = mistaken.start(*CALL, "--cores", "1", log=log)
    while "Error in rule check_mode:" not in log.read_text():
        assert call.poll() is None, log.read_text()
        time.sleep(0.02)
    # One job has failed, and the other one is at work.
    os.killpg(call.pid, signal.SIGINT)
    assert call.wait(60) == 1
    assert log.read_text().splitlines()[-1] == END
