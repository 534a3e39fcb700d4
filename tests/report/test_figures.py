"""Figures tell their numbers on hover and tell modes apart without colour; names beside points hide nothing."""

import json

import pandas as pd
import pytest

from bitsweep.report.figures import costs_figure, differences_figure, heat_map, save_chart, size_figure
from bitsweep.report.label_placement import overlap, place_labels, text_box

MODES = ["full", "bitfit", "head", "layernorm", "lora", "adapter", "last_layer", "prompt"]


def parts(node, key):
    """All values under a key, wherever in a chart."""
    if isinstance(node, dict):
        yield from ([node[key]] if key in node else [])
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from parts(child, key)


def tips(chart) -> set[str]:
    return {tip["title"] for tooltip in parts(chart.to_dict(), "tooltip") for tip in tooltip}


@pytest.fixture
def modes() -> pd.DataFrame:
    """Eight modes, the last of which is off the Pareto front."""
    table = pd.DataFrame({"mode": MODES, "score": [0.9, 0.8, 0.6, 0.81, 0.83, 0.85, 0.86, 0.5]})
    table["trainable_parameters"] = [4_000_000, 3000, 258, 3300, 90_000, 120_000, 130_000, 5000]
    table["seconds"], table["stored_bytes"] = 10.0, 4 * table["trainable_parameters"]
    return table.assign(low=table["score"] - 0.02, high=table["score"] + 0.02, on_front=table["mode"] != "prompt")


def test_costs(modes, tmp_path):
    chart = costs_figure(modes, "accuracy")
    assert {"mode", "test accuracy, %", "interval from", "interval to", "trainable parameters"} <= tips(chart)
    (rows,) = chart.to_dict()["datasets"].values()
    assert len({row["shape"] for row in rows}) == len({row["colour"] for row in rows}) == len(MODES)
    assert [row["mode"] for row in rows if row["fill"] == "white"] == ["prompt"]
    save_chart(chart, tmp_path / "costs.svg")
    svg = (tmp_path / "costs.svg").read_text()
    assert all(f">{mode}</text>" in svg for mode in MODES)
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "costs.json").read_text())["config"]["font"].startswith("Helvetica")


def test_names_beside_close_points_hide_neither_each_other_nor_points():
    points = [(100.0, 100.0 + 3 * index) for index in range(len(MODES))]
    places = place_labels(points, MODES, [], (400, 300))
    boxes = [
        text_box(x + dx, y + dy, align == "left", len(mode))
        for (x, y), mode, (dx, dy, align) in zip(points, MODES, places, strict=True)
    ]
    for index, box in enumerate(boxes):
        assert all(overlap(box, other) == 0 for other in boxes[:index])
        assert all(overlap(box, (x - 5, y - 5, x + 5, y + 5)) == 0 for x, y in points)
        assert overlap(box, (0, 0, 400, 300)) == pytest.approx(overlap(box, box))


@pytest.mark.parametrize(
    ("metric", "title", "score"), [("macro F1", "test macro F1, %", 90), ("Matthews correlation", None, 0.9)]
)
def test_sizes(modes, tmp_path, metric, title, score):
    points = pd.concat([modes.assign(train_size=size) for size in (100, 1000, 20_000)])
    chart = size_figure(points, metric)
    assert {"mode", "training examples", title or "test Matthews correlation", "interval from"} <= tips(chart)
    specification = chart.to_dict()
    assert next(parts(specification, "axis"))["values"] == [100, 1000, 20_000]
    (rows,) = specification["datasets"].values()
    assert max(row["score"] for row in rows) == pytest.approx(score)
    # Each beside the others, and about its own size.
    assert len({row["place"] for row in rows}) == len(rows)
    assert all(0.7 < row["place"] / row["train_size"] < 1.4 for row in rows)
    assert {"shape", "strokeDash"} <= {name for encoding in parts(specification, "encoding") for name in encoding}
    save_chart(chart, tmp_path / "sizes.svg")
    assert all(f">{mode}</text>" in (tmp_path / "sizes.svg").read_text() for mode in MODES)
    # One size is enough to draw.
    size_figure(points[points["train_size"] == 100], metric).to_json()


def test_differences():
    rows = pd.DataFrame({"pair": ["full − bitfit", "full − lora"], "difference": [0.12, -0.01]})
    rows = rows.assign(low=[0.09, -0.03], high=[0.15, 0.01], beyond_chance=[True, False])
    chart = differences_figure(rows, "accuracy")
    assert {"pair", "difference in test accuracy, points", "verdict"} <= tips(chart)
    drawn = next(rows for rows in chart.to_dict()["datasets"].values() if "pair" in rows[0])
    assert [(row["verdict"], row["fill"] == "white") for row in drawn] == [
        ("more than chance", False),
        ("may be chance", True),
    ]
    assert [row["difference"] for row in drawn] == pytest.approx([12, -1])


def test_heat_maps_tell_the_spread_over_seeds_and_what_has_no_number():
    runs = pd.DataFrame({"mode": "full", "batch_size": [8, 8, 16], "learning_rate": 1e-4, "seed": [1, 2, 1]})
    runs = runs.assign(validation_mcc=[0.4, 0.6, 0.1], diverged=[False, False, True], failed=None)
    chart = heat_map(runs, "full", None, "validation_mcc", "Matthews correlation")
    assert {"± standard deviation", "validation Matthews correlation"} <= tips(chart)
    rows = next(rows for rows in chart.to_dict()["datasets"].values() if len(rows) == 2)
    assert [(row["exact"], row["spread"]) for row in rows] == [("0.500", "0.141"), ("diverged", "")]
    assert "± standard deviation" not in tips(heat_map(runs[runs["seed"] == 1], "full", None, "validation_mcc"))
