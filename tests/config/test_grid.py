"""The grid's table of runs and their canonical spelling."""

import pytest

from bitsweep.config.grid import run_path, table_of_runs
from bitsweep.number_format import spell_number


@pytest.mark.parametrize(
    ("value", "spelling"),
    [(3e-4, "3e-4"), (float("3.0e-4"), "3e-4"), (5e-5, "5e-5"), (1.5e-4, "1.5e-4"), (1.0, "1e0")],
)
def test_equal_numbers_have_one_spelling(value, spelling):
    assert spell_number(value) == spelling
    assert float(spelling) == value


def test_the_reference_grid_has_forty_runs_each_with_its_own_path():
    grid = {
        "batch_size": [8, 16, 32, 64, 128],
        "learning_rate": [3e-4, 1e-4, 5e-5, 3e-5],
        "seed": [42],
    }
    grids = {"full": grid, "bitfit": grid}
    paths = {run_path(run) for run in table_of_runs(grids).to_dict("records")}
    assert len(paths) == 40
    assert "mode~bitfit/batch_size~8/learning_rate~3e-4/seed~42" in paths


def test_modes_have_grids_of_their_own_and_the_study_has_sizes():
    grids = {
        "full": {"batch_size": [8], "learning_rate": [1e-4, 3e-4], "seed": [1]},
        "bitfit": {"batch_size": [8, 16], "learning_rate": ["selected"], "seed": [1]},
    }
    assert len(table_of_runs(grids)) == 4
    paths = [run_path(run) for run in table_of_runs(grids, train_size=[100, 200]).to_dict("records")]
    assert len(set(paths)) == 8
    assert "mode~bitfit/batch_size~16/learning_rate~selected/seed~1/train_size~200" in paths
