"""The last words of a call whose jobs failed, from the ends of their logs."""

import os
from pathlib import Path

import pytest

from bitsweep.workflow.failures import describe
from bitsweep.workflow.snakemake_internals import FailedJob

MISTAKE = "Error: limit.train is 9, but the split has 3 rows: lower it."
CRASH = """Going on.
Traceback (most recent call last):
  File "scripts/train_run.py", line 3, in <module>
    run(main)
RuntimeError: out of memory
  tried to take 3 GB
while training
"""


@pytest.fixture
def failed(tmp_path):
    """Return a job that failed, with a text as its log, written at a time; None is a log that is not there."""

    def make(rule: str, text: str | None, time: float = 200.0) -> FailedJob:
        log = Path(f"{tmp_path}/{rule}-{len(os.listdir(tmp_path))}.log")
        if text is not None:
            log.write_text(text)
            os.utime(log, (time, time))
        return FailedJob(rule, log)

    return make


def test_each_sentence_is_said_once_in_the_order_in_which_the_jobs_failed(failed):
    jobs = [
        [failed("later", "At work.\nError: The second.\n", 300)],
        *[[failed("check_mode", f"{MISTAKE}\n")] for _ in range(3)],
        [failed("fetch_data", "Error: One key.\nAnother key.\n", 250)],
    ]
    assert list(describe(jobs, 100)) == [MISTAKE, "Error: One key.\nAnother key.", "Error: The second."]


def test_a_crash_is_said_with_its_log(failed):
    jobs = [[failed("train_run", CRASH)] for _ in range(3)]
    assert list(describe(jobs, 100)) == [
        f"Error: train_run failed with RuntimeError: out of memory (see {jobs[0][0].log} and 2 more)"
    ]
    # What a library prints with this mark before it crashes is not why.
    (job,) = ([failed("train_run", f"Error: no GPU\n{CRASH}")],)
    assert list(describe([job], 100)) == [
        f"Error: train_run failed with RuntimeError: out of memory (see {job[0].log})"
    ]


def test_a_job_that_does_not_say_why_is_named(failed):
    jobs = [failed("train_run", text) for text in ("epoch 1\n", "")]
    assert list(describe([[job] for job in jobs], 100)) == [
        f"Error: train_run failed without saying why (see {jobs[0].log} and 1 more)"
    ]


def test_what_an_earlier_call_said_does_not_count(failed):
    jobs = [[failed("train_run", f"{MISTAKE}\n", 50)], [failed("train_run", None)]]
    assert list(describe(jobs, 100)) == [
        "Error: train_run failed before it wrote a log: what stands above may say why."
    ]


def test_of_a_group_the_jobs_that_say_why_speak_for_all(failed):
    runs = [failed("train_run", text) for text in ("epoch 4\n", f"{MISTAKE}\n", None, "")]
    assert list(describe([runs], 100)) == [MISTAKE]
    silent = [failed("train_run", "epoch 4\n"), failed("train_run", None)]
    assert list(describe([silent], 100)) == [f"Error: train_run failed without saying why (see {silent[0].log})"]
