"""The same sweep on a real Slurm of this machine, undisturbed and under faults: byte for byte as a local one."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.compared_files import compared_files
from tests.helpers.workspace import ROOT, Workspace

pytestmark = pytest.mark.slurm

CONFIGURATION = Path("/etc/slurm/slurm.conf")
COMMANDS = ("slurmctld", "slurmd", "munged", "sbatch")
# Nodes here have two cores.
PROFILE = ["--profile", "profiles/slurm", "--cores", "2", "--slurm-init-seconds-before-status-checks", "2"]
# Slurm is asked every two seconds. Its plugin would wait ten seconds longer after each answer that no job has ended.
ASKED_OFTEN = """
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda self: 2, lambda self, seconds: None)
"""

TAKING_JOBS = ("idle", "mixed", "allocated", "completing")


def why_not() -> str | None:
    """Why no Slurm can be started here."""
    if os.getuid():
        return "only root starts Slurm's daemons"
    if missing := [command for command in COMMANDS if not shutil.which(command)]:
        return f"{', '.join(missing)} missing: apt-get install slurm-wlm munge"
    if CONFIGURATION.exists() and "BitSweep's tests" not in CONFIGURATION.read_text():
        return f"{CONFIGURATION} is another Slurm's"
    return None


def ask(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start a Slurm with two nodes; yield the folder of its daemons' state."""
    if reason := why_not():
        pytest.skip(reason)
    state = tmp_path_factory.mktemp("slurm")
    started = subprocess.run(
        [ROOT / "tests/end_to_end/slurm/start.sh", state, "2"], capture_output=True, text=True, timeout=120
    )
    assert started.returncode == 0, started.stdout + started.stderr
    yield state
    subprocess.run(["scancel", "--user=root"], check=False)
    for path in state.glob("*.pid"):
        os.kill(int(path.read_text()), signal.SIGTERM)
    CONFIGURATION.unlink()


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    with (workspace.folder / "rules" / "common.smk").open("a") as rules:
        rules.write(ASKED_OFTEN)
    return workspace


def wait_for(condition: Callable[[], object], seconds: float = 120) -> object:
    """Return what `condition` returns, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the results of a local sweep of four runs that last long enough for faults."""
    workspace = Workspace(tmp_path_factory.mktemp("slow"))
    done = workspace.snakemake("--cores", "2", "--configfile", slow_config(workspace))
    assert done.returncode == 0, done.stdout
    return compared_files(workspace.folder / "results" / "slow")


def slow_config(workspace: Workspace) -> Path:
    grid = {"mode": ["full", "bitfit"], "batch_size": [8], "learning_rate": [3e-4, 1e-4]}
    return workspace.config("slow", grid=grid, training={"epochs": 15})


def jobs(state: str) -> dict[str, str]:
    """Return the runs' Slurm jobs that are in a state: by their ids the memory that they asked for."""
    lines = ask("squeue", "--noheader", f"--states={state}", "--format=%A %m %k").splitlines()
    return {job: memory for job, memory, rule in (line.split(" ", 2) for line in lines) if "train_run" in rule}


def ample(state: str) -> list[str]:
    """Those of them that asked for enough."""
    return [job for job, memory in jobs(state).items() if memory != "300M"]


def checkpoints(workspace: Workspace) -> list[Path]:
    return list((workspace.folder / "results").glob("*/runs/*/*/*/*/.checkpoint.safetensors"))


def resume(node: str) -> None:
    """Lets a node take jobs again, which a controller that is busy with it may refuse at first."""
    command = ["scontrol", "update", f"nodename={node}", "state=resume"]

    def takes_jobs() -> bool:
        subprocess.run(command, capture_output=True)
        return ask("sinfo", "--noheader", "--Node", f"--nodes={node}", "--format=%T").strip() in TAKING_JOBS

    wait_for(takes_jobs)


@contextlib.contextmanager
def started(workspace: Workspace, *arguments: str | Path, log: Path) -> Iterator[subprocess.Popen]:
    """Yield a call of Snakemake at work, which ends with the block."""
    process = workspace.start(*arguments, log=log)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def trainer(job: str) -> int | None:
    """Return the process that trains in a Slurm job, if there is one."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"scripts.train_run" in words and f"SLURM_JOB_ID={job}\0".encode() in (folder / "environ").read_bytes():
                return int(folder.name)
    return None


def training() -> Iterator[tuple[str, int]]:
    """Return the jobs that train and asked for enough memory, each with the process that does."""
    return ((job, process) for job in ample("RUNNING") if (process := trainer(job)))


def left_steps(job: str) -> list[Path]:
    """Return the processes by which Slurm still runs a job's steps."""
    named = f"slurmstepd: [{job}.".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().startswith(named):
                found.append(folder)
    return found


def finished_runs(workspace: Workspace) -> dict[Path, int]:
    """Return each finished run's stored result and the number of its file: another one where it was trained again."""
    kept = (workspace.folder / "results").glob("*/runs/*/*/*/*/.finished/*/result.json")
    return {path: path.stat().st_ino for path in kept}


def logs(workspace: Workspace) -> str:
    """Return what all runs have said."""
    return "".join(path.read_text() for path in (workspace.folder / "results").glob("*/logs/train_run/**/*.log"))


# The script of a run, which fails in one of them at first, after others of its job have finished.
FAILS_ONCE = """
import runpy, sys, time
from pathlib import Path

runs = Path("results/small/runs")
one = "results/small/runs/mode~bitfit/batch_size~8/learning_rate~3e-4/seed~42"
if one in sys.argv and not Path("failed").exists():
    while len(list(runs.glob("*/*/*/*/.finished/*/result.json"))) < 2:
        time.sleep(0.1)
    Path("failed").touch()
    sys.exit("It fails, once.")
runpy.run_module("scripts.train_run", run_name="__main__", alter_sys=True)
"""


def test_a_sweep_through_slurm_equals_a_local_one_though_a_run_fails_at_first(slurm, workspace, finished):
    """Snakemake deletes what a job's other runs made: they are taken as they were kept."""
    rules = workspace.folder / "rules" / "train.smk"
    rules.write_text(rules.read_text().replace('"python -m scripts.train_run ', '"python -m fails_once '))
    (workspace.folder / "fails_once.py").write_text(FAILS_ONCE)
    done = workspace.snakemake(*PROFILE, "--configfile", "configs/small.yaml")
    assert done.returncode == 0, done.stdout
    assert "It fails, once." in done.stdout
    # Precision, three splits, their examination, two modes' trials, one job for all eight runs and its retry, the price
    # of picking, two evaluations, and their comparison.
    assert done.stdout.count("has been submitted with SLURM jobid") == 13
    assert logs(workspace).count("taken as it was stored") >= 2
    expected = compared_files(finished.folder / "results" / "small")
    assert len(expected) > 40
    assert compared_files(workspace.folder / "results" / "small") == expected
    again = workspace.snakemake(*PROFILE, "--configfile", "configs/small.yaml")
    assert "Nothing to be done" in again.stdout


def stop_runs(workspace: Workspace) -> int:
    """Stop the processes that train in a workspace; return how many there are."""
    stopped = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            trains = b"scripts.train_run" in (process / "cmdline").read_bytes()
            if trains and (process / "cwd").readlink() == workspace.folder:
                os.kill(int(process.name), signal.SIGSTOP)
                stopped += 1
    return stopped


def test_a_killed_snakemake_is_followed_up_by_the_next_call(slurm, workspace, slow, tmp_path):
    call = [*PROFILE, "--configfile", slow_config(workspace), "--group-components", "runs=1"]
    # One run fills a node, and the other node takes none: one job runs and three wait.
    ask("scontrol", "update", "nodename=node2", "state=drain", "reason=test")
    log = tmp_path / "killed.log"
    with started(workspace, *call, "--set-threads", "train_run=2", log=log):
        # Stopped at once, else it might end before the next call cancels it.
        wait_for(lambda: jobs("PENDING") and checkpoints(workspace) and stop_runs(workspace))
        assert checkpoints(workspace), "it ended before it was stopped"
        left = {*jobs("RUNNING"), *jobs("PENDING")}
    resume("node2")
    done = workspace.snakemake(*call)
    assert done.returncode == 0, done.stdout
    told = next(line for line in done.stdout.splitlines() if line.startswith("Slurm jobs of an earlier call"))
    assert all(job in told for job in left)
    assert "Going on at the checkpoint" in logs(workspace)
    assert compared_files(workspace.folder / "results" / "slow") == slow


@pytest.mark.slow
def test_faults_of_jobs_nodes_and_controller_change_nothing(slurm, workspace, slow, tmp_path):
    """A pending and a running job cancelled, one over its time, one over its memory, a node down, a controller anew."""
    call = [*PROFILE, "--configfile", slow_config(workspace), "--group-components", "runs=1", "--retries", "4"]
    scarce = (
        "train_run:mem_mb=300 if (attempt, wildcards.mode, wildcards.learning_rate) == (1, 'full', '1e-4') else 1000"
    )
    # Two runs fill a node, and the other node takes none: two jobs run and two wait.
    ask("scontrol", "update", "nodename=node2", "state=drain", "reason=test")
    log = tmp_path / "faults.log"
    with started(workspace, "--set-resources", scarce, *call, log=log) as process:
        ask("scancel", wait_for(lambda: ample("PENDING"))[0])
        # One that hangs is ended by its limit, for which Slurm looks each half a minute.
        hung, trains = wait_for(lambda: next(training(), None))
        os.kill(trains, signal.SIGSTOP)
        ask("scontrol", "update", f"jobid={hung}", "endtime=now+1second")
        resume("node2")
        another = wait_for(lambda: next((job for job, _ in training() if job != hung), None))
        ask("scancel", another)
        wait_for(lambda: f"Time limit exhausted for JobId={hung}" in (slurm / "slurmctld.log").read_text())
        controller = int((slurm / "slurmctld.pid").read_text())
        os.kill(controller, signal.SIGTERM)
        wait_for(lambda: not Path(f"/proc/{controller}").exists())
        subprocess.run(["slurmctld"], check=True)
        wait_for(lambda: "is UP" in subprocess.run(["scontrol", "ping"], capture_output=True, text=True).stdout)
        node = wait_for(lambda: ask("squeue", "--noheader", "--states=RUNNING", "--format=%N").split())[0]
        ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        resume(node)
        # Slurm lets such a job wait for two minutes before it starts it anew.
        for job in wait_for(lambda: jobs("PENDING")):
            # A job that meets itself on the node is held.
            wait_for(lambda job=job: not left_steps(job))
            # Those that only waited for a place may have started, and even ended, by now.
            if job in jobs("PENDING"):
                subprocess.run(["scontrol", "update", f"jobid={job}", "starttime=now"], check=False)
        kept = wait_for(lambda: finished_runs(workspace))
        assert process.wait(300) == 0, log.read_text()
    assert compared_files(workspace.folder / "results" / "slow") == slow
    assert finished_runs(workspace).items() >= kept.items()
    told = (slurm / "slurmctld.log").read_text()
    assert "due to failure of node" in told
    assert "exceeded memory limit" in "".join(path.read_text() for path in slurm.glob("slurmd-*.log"))
    # Cancelled, cancelled, over time, over memory.
    assert log.read_text().count("Trying to restart job") >= 4
