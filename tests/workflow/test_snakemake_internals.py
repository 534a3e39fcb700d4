"""The questions that are put to Snakemake beyond its language, each on a real call of it."""

import subprocess
import sys
from pathlib import Path

import pytest
import snakemake

from bitsweep.workflow.snakemake_internals import WRITTEN_FOR
from tests.helpers.workspace import ROOT

# A workflow that writes down what each question is answered, in its several processes.
SNAKEFILE = f"""
import sys
from pathlib import Path

sys.path.insert(0, {str(ROOT)!r})

from bitsweep.errors import UserError
from bitsweep.workflow import snakemake_internals
from bitsweep.workflow.snakemake_internals import Call, forget_checkpoint, is_recorded, recorded_inputs

CALL = Call(workflow)


def note(text):
    print(f"ANSWER {{text}}", file=sys.stderr)


def mend():
    note("mend")
    if "fail" in config:
        raise UserError("It cannot be mended.")


def look():
    note("look")
    return [Path("out/first.txt"), Path("out/last.txt")]


if CALL.is_first:
    CALL.before_planning(mend, look)
    note(f"config {{CALL.given_config}} {{CALL.names_configs}} gpus {{CALL.gpu_percent}} cores {{CALL.cores}}")
note(f"recorded {{is_recorded('out/first.txt')}} {{recorded_inputs('out/first.txt')}}")


def group_of(wildcards):
    if CALL.is_local:
        return None
    CALL.set_group_size("texts", lambda: 2)
    return "texts"


rule all:
    input: "out/last.txt"


rule copy:
    input: "in.txt"
    output: "out/{{name}}.txt"
    wildcard_constraints: name="first|second"
    group: group_of
    shell: "cp {{input}} {{output}}"


checkpoint join:
    input: "out/first.txt", "out/second.txt"
    output: "out/last.txt"
    resources: disk_mb=lambda wildcards, input: int(input.size_mb)
    shell: "cat {{input}} > {{output}}"


if not CALL.is_first:
    forget_checkpoint(rules.join)
    note(f"submitted {{CALL.is_submitted_job}} checkpoint {{rules.join.rule.is_checkpoint}}")


onstart:
    note(f"start {{CALL.executor}} local {{CALL.is_local}} targets {{CALL.targets}}")
    CALL.stop_limiting_starts()
    if CALL.is_local:
        note(f"limiter {{workflow.scheduler.job_rate_limiter}}")
"""


def test_it_is_the_version_that_the_adapter_was_written_for():
    assert snakemake.__version__ == WRITTEN_FOR, (
        "Another Snakemake: see that the tests of this file pass, try a sweep on Slurm, then set WRITTEN_FOR."
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "in.txt").write_text("a text")
    return tmp_path


def call(folder: Path, *arguments: str) -> tuple[int, list[str], str]:
    """Return the exit status of a call, the answers in it, and all that it said."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    # A process group of its own takes the signals that a test sends.
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, start_new_session=True)
    said = done.stdout + done.stderr
    return done.returncode, [line[7:] for line in said.splitlines() if line.startswith("ANSWER ")], said


def test_a_call_that_runs_jobs_mends_and_one_that_does_not_looks(folder):
    status, answers, said = call(folder, "--cores", "2", "--config", "key=b", "--resources", "gpu_percent=200")
    assert status == 0, said
    assert "config {'key': 'b'} False gpus 200 cores 2" in answers
    assert answers.index("mend") < answers.index("start local local True targets {'all'}")
    assert "limiter None" in answers
    assert "look" not in answers
    for quiet in (["--dry-run"], ["--summary"], ["--dag"]):
        status, answers, said = call(folder, *quiet)
        assert status == 0, said
        assert "look" in answers
        assert "mend" not in answers
        assert "recorded True ['in.txt']" in answers
    for other in (["--touch", "--cores", "1"], ["--delete-all-output", "--cores", "1", "--dry-run"]):
        status, answers, said = call(folder, *other)
        assert status == 0, said
        assert not {"look", "mend"} & set(answers)
    assert call(folder, "--lint")[1] == ["config {} False gpus None cores 1", "recorded True ['in.txt']"]


def test_what_is_hidden_is_planned_anew_and_left_where_it_is(folder):
    assert call(folder, "--cores", "1")[0] == 0
    said = call(folder, "--dry-run")[2]
    assert "Missing output files: out/first.txt" in said
    assert (folder / "out" / "first.txt").read_text() == "a text"


def test_a_mistake_found_before_planning_ends_the_call_with_a_sentence(folder):
    status, _, said = call(folder, "--cores", "1", "--config", "fail=1")
    assert status == 1
    assert "Error: It cannot be mended." in said.splitlines()
    assert "Traceback" not in said
    assert "File " not in said.split("Error: ")[1]


@pytest.mark.parametrize(("profile", "jobs"), [([], 2), (["--group-components", "texts=1"], 3)])
def test_in_submitted_jobs_a_checkpoint_is_a_rule_and_groups_have_their_size_unless_the_profile_says_one(
    folder, profile, jobs
):
    submit = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh", "--jobs", "1", "--cores", "1")
    status, answers, said = call(folder, *submit, *profile, "--seconds-between-status-checks", "1")
    assert status == 0, said
    assert "start cluster-generic local False targets {'all'}" in answers
    # The submit command runs each job at once, so that its answers are among these.
    assert answers.count("submitted True checkpoint False") == jobs


# A workflow that another one has as a module, with hooks of its own and a rule that fails.
PART = f"""
import sys

sys.path.insert(0, {str(ROOT)!r})

from bitsweep.errors import UserError
from bitsweep.workflow.snakemake_internals import Call, refuse

CALL = Call(workflow)


def note(text):
    print(f"ANSWER {{text}}", file=sys.stderr)


def nothing():
    return []


if CALL.is_first:
    try:
        if CALL.claim(config.get("results", "out")):
            CALL.before_planning(nothing, nothing)
            note(f"module {{CALL.is_module}}")
    except UserError as error:
        refuse(error)


rule all:
    default_target: True
    input: "out/b.txt"


rule write:
    output: "out/a.txt"
    localrule: True
    shell: "touch {{output}}"


rule copy:
    input: rules.write.output
    output: "out/b.txt"
    log: "out/log.txt"
    shell: "cp {{input}} {{output}}; {{config[command]}}"


onstart:
    note("start")
    CALL.notice_interruption()


onsuccess:
    note(f"success {{CALL.targets}}")


onerror:
    failed = [[(job.rule, str(job.log)) for job in group] for group in CALL.failed_jobs]
    note(f"error {{CALL.is_interrupted}} {{failed}}")


CALL.keep_hooks()
"""
MAIN = """
import sys

module part:
    snakefile: "PART"
    config: config

use rule * from part as part_*

rule mine:
    input: "out/b.txt"
    log: "out/mine.txt"
    shell: "true"

onstart:
    print("ANSWER main start", file=sys.stderr)

onerror:
    print("ANSWER main error", file=sys.stderr)
"""


@pytest.fixture
def modular(tmp_path: Path) -> Path:
    """Return a folder with a workflow that has that of another folder as a module."""
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "Snakefile").write_text(PART)
    (tmp_path / "main").mkdir()
    (tmp_path / "main" / "Snakefile").write_text(MAIN.replace("PART", str(tmp_path / "part" / "Snakefile")))
    return tmp_path / "main"


def test_a_module_keeps_its_hooks_its_names_and_its_local_rules(modular):
    submit = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh", "--jobs", "1")
    options = (*submit, "--seconds-between-status-checks", "1", "--config", "command=true")
    status, answers, said = call(modular, "part_all", *options)
    assert status == 0, said
    assert answers == ["module True", "start", "main start", "success {'all'}"]
    assert "localrule part_write:" in said
    # A rule of the main workflow keeps its name.
    assert call(modular, "mine", "--cores", "1", "--config", "command=true")[1][-1] == "success {'mine'}"


def test_jobs_that_failed_are_known_with_their_logs_unless_the_call_was_interrupted(modular):
    status, answers, said = call(modular, "--cores", "1", "--config", "command=false")
    assert status == 1
    assert answers[-2:] == ["error False [[('part_copy', 'out/log.txt')]]", "main error"]
    # As Ctrl-C does, this reaches the job and Snakemake.
    command = "kill -INT 0; sleep 1"
    status, answers, said = call(modular, "--cores", "1", "--config", f"command={command}")
    assert status == 1
    assert answers[-2:] == ["error True []", "main error"], said


def test_modules_that_cannot_be_are_refused(modular):
    main = modular / "Snakefile"
    text = main.read_text()
    main.write_text(text.replace("config: config", 'config: config\n    prefix: "there"'))
    status, _, said = call(modular, "--dry-run", "--config", "command=true")
    assert status == 1
    assert "Error: The module part has a prefix, which BitSweep does not take: leave prefix and" in said
    module = text[text.index("module part") : text.index("rule mine")]
    other = module.replace("part", "other").replace("/other/", "/part/")
    main.write_text(text + other.replace("config: config", 'config: {**config, "results": "others"}'))
    status, _, said = call(modular, "--dry-run", "--config", "command=true")
    assert status == 1
    assert "Error: Two modules of this workflow are experiments of BitSweep, out and others: keep one" in said
