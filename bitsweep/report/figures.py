"""Figures: SVG and PNG through altair and vl-convert, which need neither browser nor network, and JSON for the page.

No meaning is by colour alone: modes differ in shape and dash too; what is chosen or sure is framed, thick or filled.
"""

import math
from pathlib import Path

import altair as alt
import pandas as pd

from bitsweep.files import whole_file, write_text
from bitsweep.number_format import spell_number
from bitsweep.report.label_placement import bar_boxes, place_labels, step_boxes

FONT = "Helvetica, Arial, sans-serif"
# Okabe and Ito, 2008: told apart by colour-blind readers; a grey for their yellow, which is faint on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#555555"]
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 4], [2, 5], [12, 3, 3, 3]]
# altair refuses tables of more than 5,000 rows, which a sweep of 1,000 runs has in epochs.
alt.data_transformers.disable_max_rows()


def unit(metric: str) -> tuple[float, str, str]:
    """Return how a metric is shown: its factor, its number format (d3's and Python's alike), its name with the unit."""
    return (1, ".3f", metric) if metric == "Matthews correlation" else (100, ".2f", f"{metric}, %")


def tip(field: str, title: str, number: str | None = None) -> alt.Tooltip:
    """Return one line of what is shown on hover; `number` is d3's format."""
    return alt.Tooltip(field, title=title, format=number) if number else alt.Tooltip(field, title=title)


def heat_map(
    runs: pd.DataFrame,
    mode: str,
    selected: dict | None,
    column: str = "validation_accuracy",
    metric: str = "accuracy",
) -> alt.LayerChart:
    """Draw a mode's validation metric over batch size x learning rate, mean over seeds; frame the selected cell."""
    factor, number, title = unit(metric)
    cells = (
        runs[runs["mode"] == mode]
        .groupby(["batch_size", "learning_rate"], as_index=False)
        .agg(
            value=(column, "mean"),
            spread=(column, "std"),
            seeds=("seed", "nunique"),
            diverged=("diverged", "any"),
            failed=("failed", lambda sentences: sentences.notna().any()),
        )
    )
    unsound = cells["diverged"] | cells["failed"]
    cells["value"] = (cells["value"] * factor).mask(unsound)
    outcomes = ["failed" if failed else "diverged" for failed in cells["failed"]]
    short = ".1f" if factor == 100 else number
    for name, spelling in (("label", short), ("exact", number)):
        cells[name] = [
            f"{value:{spelling}}" if value == value else word
            for value, word in zip(cells["value"], outcomes, strict=True)
        ]
    tips = [
        tip("batch_size:O", "batch size"),
        tip("rate:N", "learning rate"),
        tip("exact:N", f"validation {title}"),
    ]
    if cells["seeds"].max() > 1:
        cells["spread"] = [
            f"{spread * factor:{number}}" if spread == spread and sound else ""
            for spread, sound in zip(cells["spread"], ~unsound, strict=True)
        ]
        tips += [tip("spread:N", "± standard deviation"), tip("seeds:Q", "seeds")]
    middle = (cells["value"].min() + cells["value"].max()) / 2
    cells["ink"] = ["white" if value < middle else "black" for value in cells["value"]]
    cells["rate"] = cells["learning_rate"].map(spell_number)
    rates = [spell_number(rate) for rate in sorted(cells["learning_rate"].unique())]
    position = {
        "x": alt.X("rate:O", sort=rates, title="learning rate", axis=alt.Axis(labelAngle=0)),
        "y": alt.Y("batch_size:O", title="batch size"),
        "tooltip": tips,
    }
    scale = alt.Scale(scheme="viridis", zero=False)
    colour = alt.Color("value:Q", title="%" if factor == 100 else "", scale=scale)
    if cells["value"].isna().all():
        colour = alt.value("#dddddd")
    layers = [alt.Chart(cells).mark_rect().encode(**position, color=colour)]
    for ink, rows in cells.groupby("ink"):
        layers.append(alt.Chart(rows).mark_text(fontSize=13, color=ink).encode(**position, text="label:N"))
    if selected:
        setting = (cells["batch_size"] == selected["batch_size"]) & (
            cells["learning_rate"] == selected["learning_rate"]
        )
        frame = alt.Chart(cells[setting]).mark_rect(fill=None, stroke="#D55E00", strokeWidth=4)
        layers.append(frame.encode(**position))
    width, height = 78 * len(rates), 44 * cells["batch_size"].nunique()
    parts = ["per cent"] * (factor == 100) + ["the selected setting is framed"] * bool(selected)
    heading = alt.TitleParams(f"Validation {metric}, {mode}", subtitle="; ".join(parts))
    return alt.layer(*layers).properties(width=width, height=height, title=heading)


def learning_curves(
    epochs: pd.DataFrame,
    selected: dict[str, dict | None],
    column: str = "validation_accuracy",
    metric: str = "accuracy",
) -> alt.ConcatChart:
    """Draw a validation metric after every epoch, one line a run and one panel a mode; selected runs stand out."""
    factor, number, title = unit(metric)
    epochs = epochs.assign(value=epochs[column] * factor, chosen=False)
    for mode, choice in selected.items():
        if choice:
            epochs.loc[
                (epochs["mode"] == mode)
                & (epochs["batch_size"] == choice["batch_size"])
                & (epochs["learning_rate"] == choice["learning_rate"]),
                "chosen",
            ] = True
    epochs["rate"] = epochs["learning_rate"].map(spell_number)
    epochs["run"] = [
        f"{rate}/{size}/{seed}"
        for rate, size, seed in zip(epochs["rate"], epochs["batch_size"], epochs["seed"], strict=True)
    ]
    lowest, highest = epochs["value"].min(), epochs["value"].max()
    margin = factor / 100
    domain = [lowest - margin, highest + margin] if lowest == lowest else [0, factor]
    # Only what is drawn or shown on hover: the page carries each row.
    epochs = epochs[["mode", "epoch", "value", "validation_loss", "rate", "batch_size", "seed", "run", "chosen"]]
    tips = [
        tip("rate:N", "learning rate"),
        tip("batch_size:Q", "batch size"),
        tip("seed:N", "seed"),
        tip("epoch:O", "epoch"),
        tip("value:Q", f"validation {title}", number),
        tip("validation_loss:Q", "validation loss", ".4f"),
    ]
    panels = []
    for index, mode in enumerate(selected):
        rows = alt.Chart(epochs[epochs["mode"] == mode]).encode(
            x=alt.X("epoch:O", title="epoch", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title=f"validation {title}", scale=alt.Scale(zero=False, domain=domain)),
            detail="run:N",
        )
        others, chosen = rows.transform_filter("!datum.chosen"), rows.transform_filter("datum.chosen")
        colour = COLOURS[index % len(COLOURS)]
        # The unseen edge of a point is where a pointer finds it.
        edge = {"stroke": "transparent", "strokeWidth": 8, "aria": False}
        panel = (
            others.mark_line(strokeWidth=1, opacity=0.6, color="#aaaaaa")
            + others.mark_circle(size=12, opacity=0.8, color="#aaaaaa", **edge).encode(tooltip=tips)
            + chosen.mark_line(strokeWidth=3, color=colour)
            + chosen.mark_circle(size=50, opacity=1, color=colour, **edge).encode(tooltip=tips)
        )
        panels.append(panel.properties(width=300, height=260, title=f"{mode}: all runs, selected one thick"))
    return alt.concat(*panels, columns=2).resolve_scale(y="shared")


def size_figure(points: pd.DataFrame, metric: str) -> alt.LayerChart:
    """Draw a test metric against the size of the training set (logarithmic), one line a mode, with intervals.

    `points` has columns mode, train_size (examples), score, low and high (shares from 0 to 1, or a correlation).
    """
    factor, number, title = unit(metric)
    width, step = 480, 6
    # Without any point an empty plot.
    modes, sizes = list(points["mode"].unique()), sorted(map(int, points["train_size"].unique())) or [1]
    ratio = sizes[-1] / sizes[0] if len(sizes) > 1 else 4
    scale = alt.Scale(type="log", domain=[sizes[0] / ratio**0.1, sizes[-1] * ratio**0.1], nice=False)
    # Beside each other, `step` pixels apart: intervals at one size do not hide each other.
    beside = {mode: ratio ** (1.2 * step / width * (index - (len(modes) - 1) / 2)) for index, mode in enumerate(modes)}
    points = in_unit(points, factor, ["score", "low", "high"])
    points["place"] = points["train_size"] * points["mode"].map(beside)
    base = alt.Chart(points).encode(
        x=alt.X("place:Q", scale=scale, title="training examples", axis=alt.Axis(values=sizes, format=",", grid=False)),
        color=alt.Color("mode:N", scale=alt.Scale(domain=modes, range=COLOURS), title="mode"),
        tooltip=[
            tip("mode:N", "mode"),
            tip("train_size:Q", "training examples", ","),
            tip("score:Q", f"test {title}", number),
            *interval_tips(number),
        ],
    )
    height = alt.Y("score:Q", title=f"test {title}", scale=alt.Scale(zero=False))
    dash = alt.StrokeDash("mode:N", scale=alt.Scale(domain=modes, range=DASHES), title="mode")
    shape = alt.Shape("mode:N", scale=alt.Scale(domain=modes, range=SHAPES), title="mode")
    lines = base.mark_line(strokeWidth=1.5).encode(y=height, strokeDash=dash)
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q"), y2="high:Q")
    marks = base.mark_point(size=70, filled=True, opacity=1).encode(y=height, shape=shape)
    heading = alt.TitleParams(f"Test {metric} by training-set size", subtitle="bars are intervals")
    return (lines + bars + marks).properties(width=width, height=320, title=heading)


def costs_figure(points: pd.DataFrame, metric: str) -> alt.LayerChart:
    """Draw a test metric against trainable parameters (logarithmic), one point a mode; fill and join the Pareto front.

    `points` has columns mode, trainable_parameters, seconds, stored_bytes, score, low, high (shares from 0 to 1, or a
    correlation) and on_front (no other mode has fewer parameters and a better score).
    """
    factor, number, title = unit(metric)
    width, height = 520, 360
    points = in_unit(points, factor, ["score", "low", "high"])
    points["stored"] = [f"{size / 1000:,.0f} kB" for size in points["stored_bytes"]]
    points["colour"] = [COLOURS[index % len(COLOURS)] for index in range(len(points))]
    points["shape"] = [SHAPES[index % len(SHAPES)] for index in range(len(points))]
    points["fill"] = points["colour"].where(points["on_front"], "white")
    least, most = points["trainable_parameters"].min() / 2, points["trainable_parameters"].max() * 2
    lowest, highest = points["low"].min(), points["high"].max()
    margin = 0.06 * (highest - lowest) or factor / 100
    x_scale = alt.Scale(type="log", domain=[least, most], nice=False)
    y_scale = alt.Scale(domain=[lowest - margin, highest + margin], nice=False)
    base = alt.Chart(points).encode(
        x=alt.X(
            "trainable_parameters:Q",
            scale=x_scale,
            title="trainable parameters",
            axis=alt.Axis(format="~s", grid=False),
        ),
        y=alt.Y("score:Q", scale=y_scale, title=f"test {title}"),
    )
    tips = [
        tip("mode:N", "mode"),
        tip("score:Q", f"test {title}", number),
        *interval_tips(number),
        tip("trainable_parameters:Q", "trainable parameters", ","),
        tip("seconds:Q", "seconds a run", ",.1f"),
        tip("stored:N", "stored a task"),
    ]
    stroke = alt.Stroke("colour:N", scale=None)
    front = base.transform_filter("datum.on_front").mark_line(
        color="#555555", strokeWidth=1.5, interpolate="step-after"
    )
    bars = base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q", stroke=stroke, tooltip=tips)
    shapes = {"shape": alt.Shape("shape:N", scale=None), "fill": alt.Fill("fill:N", scale=None)}
    marks = base.mark_point(size=90, strokeWidth=2, opacity=1).encode(**shapes, stroke=stroke, tooltip=tips)
    across = [width * position for position in log_positions(points["trainable_parameters"], least, most)]
    down = (highest + margin - points[["score", "low", "high"]]) / (highest - lowest + 2 * margin) * height
    at = list(zip(across, down["score"], strict=True))
    drawn = bar_boxes(across, down["high"], down["low"])
    drawn += step_boxes([place for place, front in zip(at, points["on_front"], strict=True) if front])
    places = place_labels(at, list(points["mode"]), drawn, (width, height))
    layers = [front, bars, marks]
    for (_, row), (dx, dy, align) in zip(points.iterrows(), places, strict=True):
        text = base.transform_filter(alt.datum.mode == row["mode"]).mark_text(fontSize=12, align=align, dx=dx, dy=dy)
        layers.append(text.encode(text="mode:N"))
    subtitle = "bars are intervals; filled and joined: no mode is better with fewer parameters"
    heading = alt.TitleParams(f"Test {metric} by trainable parameters", subtitle=subtitle)
    return alt.layer(*layers).properties(width=width, height=height, title=heading)


def differences_figure(rows: pd.DataFrame, metric: str) -> alt.LayerChart:
    """Draw differences of a test metric between modes with intervals: filled where more than chance, else hollow.

    `rows` has columns pair ("full − bitfit"), difference, low, high (shares, or a correlation) and beyond_chance.
    """
    factor, number, _ = unit(metric)
    title = f"difference in test {metric}" + (", points" if factor == 100 else "")
    rows = in_unit(rows, factor, ["difference", "low", "high"])
    rows["verdict"] = rows["beyond_chance"].map({True: "more than chance", False: "may be chance"})
    rows["fill"] = rows["beyond_chance"].map({True: COLOURS[0], False: "white"})
    base = alt.Chart(rows).encode(
        y=alt.Y("pair:N", sort=None, title=None, axis=alt.Axis(labelLimit=300, labelFontSize=12)),
        tooltip=[
            tip("pair:N", "pair"),
            tip("difference:Q", title, f"+{number}"),
            *interval_tips(f"+{number}"),
            tip("verdict:N", "verdict"),
        ],
    )
    bars = base.mark_rule(strokeWidth=2, color=COLOURS[0]).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    marks = base.mark_circle(size=90, opacity=1, stroke=COLOURS[0], strokeWidth=2)
    marks = marks.encode(x=alt.X("difference:Q", title=title), fill=alt.Fill("fill:N", scale=None))
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(strokeDash=[4, 3], color="#555555").encode(x="zero:Q")
    heading = alt.TitleParams("Differences between modes", subtitle="bars are intervals; filled: more than chance")
    return (zero + bars + marks).properties(width=420, height=alt.Step(30), title=heading)


def in_unit(table: pd.DataFrame, factor: float, columns: list[str]) -> pd.DataFrame:
    """Return a copy with the columns in the unit in which they are shown."""
    return table.assign(**{column: table[column] * factor for column in columns})


def interval_tips(number: str) -> list[alt.Tooltip]:
    return [tip("low:Q", "interval from", number), tip("high:Q", "interval to", number)]


def log_positions(values: pd.Series, least: float, most: float) -> list[float]:
    """Return where values lie between `least` (0) and `most` (1) on a logarithmic axis."""
    logs = pd.Series([least, most, *values]).astype(float).map(math.log)
    return ((logs[2:] - logs[0]) / (logs[1] - logs[0])).tolist()


def losses_figure(history: pd.DataFrame) -> alt.ConcatChart:
    """Draw the losses of a pretraining over its steps, a panel each; `history` has columns step, epoch, one a loss."""
    panels = []
    for index, loss in enumerate(name for name in history.columns if name not in ("step", "epoch")):
        panel = alt.Chart(history[["step", "epoch", loss]]).mark_line(color=COLOURS[index % len(COLOURS)])
        tips = [tip("step:Q", "step", ","), tip("epoch:Q", "epoch"), tip(f"{loss}:Q", loss, ".4f")]
        scale = alt.Scale(zero=False)
        encoded = panel.encode(
            x=alt.X("step:Q", title="step"), y=alt.Y(f"{loss}:Q", title="loss", scale=scale), tooltip=tips
        )
        panels.append(encoded.properties(width=260, height=180, title=loss))
    return alt.concat(*panels, columns=3)


def save_chart(chart: alt.TopLevelMixin, svg: str | Path) -> None:
    """Write a chart as SVG and, beside it, as PNG at twice the size and as the JSON that the page draws it from."""
    chart = chart.configure(font=FONT, background="white").configure_title(anchor="start", fontSize=15)
    for suffix, options in ((".svg", {}), (".png", {"scale_factor": 2})):
        with whole_file(Path(svg).with_suffix(suffix)) as part:
            chart.save(str(part), **options)
    write_text(Path(svg).with_suffix(".json"), chart.to_json(indent=None))
