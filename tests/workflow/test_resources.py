"""What runs ask of a cluster: more for more, and about what finished runs took."""

import json
from pathlib import Path

import pytest
import yaml

from bitsweep.config.load import load_settings
from bitsweep.model.shape import read_shape
from bitsweep.workflow.resources import JOB_SECONDS, RunResources, find_shape
from tests.helpers.resources import timed_of
from tests.helpers.workspace import ROOT

TINY = read_shape(json.loads((ROOT / "models" / "bert-tiny" / "config.json").read_text()))
BASE = read_shape({})
RUN = {"mode": "full", "batch_size": "8", "learning_rate": "3e-4", "seed": "42"}


def demand(shape=TINY, **changes) -> RunResources:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    return RunResources(load_settings({**config, **changes}), shape)


def test_a_shape_is_read_under_whatever_names():
    distilbert = {"dim": 384, "n_layers": 6, "hidden_dim": 1536, "vocab_size": 30522}
    assert read_shape(distilbert) == read_shape(
        {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536, "vocab_size": 30522}
    )
    # The linear layers of BERT-tiny: 2 layers of 4 h² + 2 h f weights.
    assert TINY.body == 2 * (4 * 128**2 + 2 * 128 * 512)
    assert TINY.embeddings == 30522 * 128


def test_an_encoder_that_is_not_here_yet_counts_as_bert_base(tmp_path):
    settings = demand().settings
    assert find_shape(settings, tmp_path) == TINY
    hub = settings.model_copy(update={"encoder": None})
    assert find_shape(hub, tmp_path) == BASE
    (tmp_path / "config.json").write_text('{"hidden_size": 64, "num_hidden_layers": 1, "intermediate_size": 64}')
    assert find_shape(hub, tmp_path).hidden == 64


def test_larger_batches_texts_and_encoders_ask_for_more():
    small, long, large = demand(max_length=64), demand(max_length=512), demand(BASE, max_length=64)
    assert small.predict_memory_mb({**RUN, "batch_size": "128"}) > small.predict_memory_mb(RUN)
    for more in (long, large):
        assert more.predict_memory_mb(RUN) > small.predict_memory_mb(RUN)
        assert more.minutes(RUN, 1) > small.minutes(RUN, 1)
    assert demand(training={"epochs": 400}).minutes(RUN, 1) > 10 * demand(training={"epochs": 4}).minutes(RUN, 1)


def test_rows_are_counted_once_they_are_known(tmp_path):
    """They are not before the data are split; those of other data are no longer."""
    asked = demand(limit={})
    asked.rows, asked.rows_of = tmp_path / "rows.json", "these"
    unknown = asked.predict_seconds(RUN)
    sizes = {"train": 400_000, "validation": 5000, "test": 5000}
    asked.rows.write_text(json.dumps({"rows_of": "others", **sizes}))
    assert asked.predict_seconds(RUN) == unknown
    asked.rows.write_text(json.dumps({"rows_of": "these", **sizes}))
    assert asked.predict_seconds(RUN) > 10 * unknown
    limited = demand(limit={"train": 500, "validation": 100})
    limited.rows = asked.rows
    assert limited.predict_seconds(RUN) < 0.1 * unknown


def test_a_job_that_was_killed_asks_for_twice_as_much():
    asked = demand()
    for ask in (asked.memory_mb, asked.minutes):
        assert [ask(RUN, attempt) / ask(RUN, 1) for attempt in (1, 2, 3)] == [1, 2, 4]


def measure(asked: RunResources, folder: Path, *costs: dict) -> float | None:
    """Return what is measured by runs with these costs.json, beside one that is still to come."""
    for index, cost in enumerate(costs):
        (folder / f"{index}.json").write_text(json.dumps(cost))
    asked.measure([(RUN, folder / f"{index}.json") for index in range(len(costs) + 1)], timed_of(asked.settings))
    return asked.measured


def test_finished_runs_tell_how_long_others_take(tmp_path):
    asked = demand()
    timed, expected = timed_of(asked.settings), asked.predict_seconds(RUN)
    costs = [{"timed": timed, "seconds": factor * expected} for factor in (3, 2, 4)]
    # A failed run has no seconds.
    assert measure(asked, tmp_path, *costs, {"timed": timed, "seconds": None}) == pytest.approx(3)


@pytest.mark.parametrize(
    "before",
    [
        {"limit": {"train": 200, "validation": 100, "test": 100}},
        {"max_length": 32},
        {"training": {"epochs": 1}},
        {"encoder": {"source": "hub", "name": "prajjwal1/bert-mini"}},
        {"split": {"seed": 1}},
    ],
)
def test_runs_of_earlier_settings_do_not(tmp_path, before):
    """What took a second says nothing of what is larger: no job may ask for less than without it."""
    asked = demand(BASE)
    cost = {"timed": timed_of(demand(**before).settings), "seconds": 1.0}
    # As versions before wrote them.
    assert measure(asked, tmp_path, cost, {"seconds": 1.0}) is None
    assert asked.minutes(RUN, 1) == demand(BASE).minutes(RUN, 1)


def test_more_cells_leave_what_is_measured_as_it_is():
    settings = demand().settings
    grid = settings.grid.model_dump() | {"seed": [1, 2, 3], "learning_rate": [1e-3]}
    limit = settings.limit.model_dump() | {"test": 100}
    assert timed_of(demand(grid=grid, limit=limit).settings) == timed_of(settings)


def test_a_clusters_job_gets_enough_runs_to_be_worth_it_and_no_more():
    asked = demand()
    runs = [{**RUN, "seed": str(seed)} for seed in range(1000)]
    assert asked.runs_per_job(runs, 4) == 4 * asked.runs_per_job(runs, 1)
    size = asked.runs_per_job(runs, 1)
    assert (size - 1) * asked.seconds(RUN) < JOB_SECONDS <= size * asked.seconds(RUN)
    # A long run has a job of its own, and a short sweep has one job.
    assert demand(BASE, max_length=512).runs_per_job(runs, 1) == 1
    assert asked.runs_per_job(runs[:2], 4) == 2


def test_small_encoders_share_a_gpu_and_large_ones_do_not():
    assert 100 // demand(TINY).gpu_percent() == 8
    assert 100 // demand(BASE).gpu_percent() == 1
