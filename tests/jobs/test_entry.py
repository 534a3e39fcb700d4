"""A script that is interrupted ends with one line and the exit status of its signal."""

import os
import signal
import subprocess
import sys

import pytest

from tests.helpers.workspace import ROOT

pytestmark = pytest.mark.crash


def test_ctrl_c_on_a_job_is_told_in_a_line(tmp_path):
    program = (
        "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from bitsweep.jobs.entry import run; run(lambda: (print('at work', flush=True), time.sleep(60)))"
    )
    named = {**os.environ, "BITSWEEP_RESULTS": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    job = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=named, **pipes)
    assert job.stdout.readline() == "at work\n"
    job.send_signal(signal.SIGINT)
    assert job.communicate(timeout=60)[1] == "Interrupted: what is finished is kept, and the same call goes on.\n"
    assert job.returncode == -signal.SIGINT


def test_ctrl_c_on_a_job_that_still_imports_shows_no_traceback():
    # By -X importtime each module is told on standard error once it is imported.
    command = [sys.executable, "-X", "importtime", "-m", "scripts.pretraining.pretrain_student", "--help"]
    heeded = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    job = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heeded)
    while "torch._" not in job.stderr.readline():
        assert job.poll() is None
    job.send_signal(signal.SIGINT)
    said = job.communicate(timeout=60)
    assert job.returncode == -signal.SIGINT
    assert said[0] == ""
    assert "Traceback" not in said[1]
