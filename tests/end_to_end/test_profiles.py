"""The profiles of other clusters: the same sweep through a submit command, and a Slurm that does not answer."""

from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from tests.helpers.compared_files import compared_files
from tests.helpers.tables import TARGET, read_back, write_table

# What Grid Engine's commands do for profiles/cluster-generic, on this machine: a job is a process in the background.
COMMANDS = {
    "qsub": 'JOB_ID=$$ setsid bash "${!#}" > /dev/null 2>&1 & echo $! > "$0.$$"; echo $$',
    "qstat": 'kill -0 "$(cat "${0%qstat}qsub.$2")" 2> /dev/null || echo "Following jobs do not exist: $2"',
}


def submit_commands(folder: Path) -> Path:
    folder.mkdir()
    for name, script in COMMANDS.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
    return folder


@pytest.mark.slow
def test_a_sweep_through_a_submit_command_equals_a_local_one(workspace, exported, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(submit_commands(tmp_path / "commands")), prepend=":")
    profile = ["--profile", "profiles/cluster-generic", "--cores", "2", "--seconds-between-status-checks", "1"]
    profile += ["--configfile", "configs/small.yaml"]
    done = workspace.snakemake(*profile)
    assert done.returncode == 0, done.stdout
    # Precision, three splits, their examination, two modes' trials, one job for all eight runs, the price of picking,
    # two evaluations, and their comparison.
    assert done.stdout.count("with external jobid") == 12
    expected = compared_files(exported.folder / "results" / "small")
    assert len(expected) > 40
    assert compared_files(workspace.folder / "results" / "small") == expected

    write_table(workspace.folder / "it's ~ ü.csv")
    done = workspace.snakemake("predict", *profile, "--config", "input=it's ~ ü.csv", f"output={TARGET}")
    assert done.returncode == 0, done.stdout
    # The export of the chosen mode alone, and the predictions.
    assert done.stdout.count("with external jobid") == 2
    predicted, there = (read_back(place.folder / TARGET) for place in (workspace, exported))
    assert_frame_equal(predicted, there)


# The file that Slurm's commands read, of a cluster whose controller is down; they ask it for a second instead of ten.
DOWN = """
ClusterName=down
SlurmctldHost=localhost
SlurmctldPort=9
MessageTimeout=1
NodeName=node
PartitionName=main Nodes=ALL
"""


def test_a_slurm_that_does_not_answer_is_told_before_anything_is_made(workspace):
    """Where its commands are not installed, that is told in the same words."""
    configuration = workspace.folder / "slurm.conf"
    configuration.write_text(DOWN)
    call = ["--profile", "profiles/slurm", "--configfile", "configs/small.yaml"]
    done = workspace.snakemake(*call, SLURM_CONF=str(configuration))
    assert done.returncode != 0
    assert "No Slurm answers here (sinfo: " in done.stdout
    assert "call on the cluster's login node, or without --profile profiles/slurm." in done.stdout
    assert not (workspace.folder / "results").exists()
