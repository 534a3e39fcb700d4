"""The profiles of other clusters: the same sweep through a submit command, and plans through Kubernetes."""

from pathlib import Path

from tests.test_slurm import compared_files

# What Grid Engine's commands do for profiles/cluster-generic, on this machine: a job is a process in the background.
COMMANDS = {
    "qsub": 'cd "$PWD"; JOB_ID=$$ setsid bash "${!#}" > /dev/null 2>&1 & echo $! > "$0.$$"; echo $$',
    "qstat": 'kill -0 "$(cat "${0%qstat}qsub.$2")" 2> /dev/null || echo "Following jobs do not exist: $2"',
}


def submit_commands(folder: Path) -> Path:
    folder.mkdir()
    for name, script in COMMANDS.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
    return folder


def test_a_sweep_through_a_submit_command_equals_a_local_one(workspace, finished, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(submit_commands(tmp_path / "commands")), prepend=":")
    profile = ["--profile", "profiles/cluster-generic", "--cores", "2", "--seconds-between-status-checks", "1"]
    done = workspace.snakemake(*profile, "--configfile", "configs/small.yaml")
    assert done.returncode == 0, done.stdout
    # Precision, three splits, one job for all eight runs, the price of picking, two evaluations, and their comparison.
    assert done.stdout.count("with external jobid") == 9
    expected = compared_files(finished.folder / "results" / "small")
    assert len(expected) > 40
    assert compared_files(workspace.folder / "results" / "small") == expected
