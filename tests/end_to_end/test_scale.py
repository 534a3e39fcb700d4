"""Large grids: every run has its job, and what the jobs have in common is planned once."""

from tests.helpers.workspace import Workspace


def test_a_grid_of_a_thousand_runs_is_planned(workspace: Workspace):
    rates = [step * 1e-5 for step in range(1, 11)]
    grid = {"mode": ["full", "bitfit"], "batch_size": [8, 16, 32, 64, 128], "learning_rate": rates}
    config = workspace.config("large", grid={**grid, "seed": list(range(10))})
    counts = workspace.jobs("--configfile", config)
    assert counts.pop("train_run") == 1000
    of_modes = ("check_mode", "evaluate_mode", "plot_heatmap")
    assert {counts.pop(rule) for rule in of_modes} == {2}
    assert counts.pop("tokenize_split") == 3
    assert set(counts.values()) == {1}


def test_a_part_of_a_grid_is_planned(workspace: Workspace):
    part = ["results/small/runs.csv", "--batch", "collect_runs=1/2"]
    counts = workspace.jobs(*part, "--configfile", "configs/small.yaml")
    # Half of the 33 files that collect_runs reads: all of four runs, and one of a fifth.
    assert counts["train_run"] == 5
    assert "collect_runs" not in counts
