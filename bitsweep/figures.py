"""Heat maps and learning curves, as SVG and PNG through altair and vl-convert, which need no browser and no network."""

from pathlib import Path

import altair as alt
import pandas as pd

from bitsweep.files import whole_file
from bitsweep.grid import spell_number

FONT = "Helvetica, Arial, sans-serif"
# Okabe and Ito, 2008: told apart by colour-blind readers.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]


def heat_map(runs: pd.DataFrame, mode: str, selected: dict | None) -> alt.LayerChart:
    """Validation accuracy of a mode over batch size x learning rate, mean over seeds; the selected cell is framed."""
    cells = (
        runs[runs["mode"] == mode]
        .groupby(["batch_size", "learning_rate"], as_index=False)
        .agg(
            accuracy=("validation_accuracy", "mean"),
            diverged=("diverged", "any"),
            failed=("failed", lambda sentences: sentences.notna().any()),
        )
    )
    cells.loc[cells["diverged"] | cells["failed"], "accuracy"] = float("nan")
    cells["percent"] = cells["accuracy"] * 100
    words = ["failed" if failed else "diverged" for failed in cells["failed"]]
    cells["label"] = [
        f"{value:.1f}" if value == value else word for value, word in zip(cells["percent"], words, strict=True)
    ]
    middle = (cells["percent"].min() + cells["percent"].max()) / 2
    cells["ink"] = ["white" if value < middle else "black" for value in cells["percent"]]
    cells["rate"] = cells["learning_rate"].map(spell_number)
    rates = [spell_number(rate) for rate in sorted(cells["learning_rate"].unique())]
    position = {
        "x": alt.X("rate:O", sort=rates, title="learning rate", axis=alt.Axis(labelAngle=0)),
        "y": alt.Y("batch_size:O", title="batch size"),
    }
    colour = alt.Color("percent:Q", title="%", scale=alt.Scale(scheme="viridis", zero=False))
    if cells["percent"].isna().all():
        colour = alt.value("#dddddd")
    squares = alt.Chart(cells).mark_rect().encode(**position, color=colour)
    layers = [squares]
    for ink, rows in cells.groupby("ink"):
        layers.append(alt.Chart(rows).mark_text(fontSize=13, color=ink).encode(**position, text="label:N"))
    if selected:
        setting = (cells["batch_size"] == selected["batch_size"]) & (
            cells["learning_rate"] == selected["learning_rate"]
        )
        frame = alt.Chart(cells[setting]).mark_rect(fill=None, stroke="#D55E00", strokeWidth=4)
        layers.append(frame.encode(**position))
    width, height = 78 * len(rates), 44 * cells["batch_size"].nunique()
    framed = "; the selected setting is framed" if selected else ""
    title = alt.TitleParams(f"Validation accuracy, {mode}", subtitle=f"per cent{framed}")
    return alt.layer(*layers).properties(width=width, height=height, title=title)


def learning_curves(epochs: pd.DataFrame, selected: dict[str, dict | None]) -> alt.HConcatChart:
    """Validation accuracy after every epoch, one line a run and one panel a mode; the selected runs stand out."""
    epochs = epochs.assign(percent=epochs["validation_accuracy"] * 100, chosen=False)
    for mode, choice in selected.items():
        if choice:
            epochs.loc[
                (epochs["mode"] == mode)
                & (epochs["batch_size"] == choice["batch_size"])
                & (epochs["learning_rate"] == choice["learning_rate"]),
                "chosen",
            ] = True
    epochs["run"] = [
        f"{spell_number(rate)}/{size}/{seed}"
        for rate, size, seed in zip(epochs["learning_rate"], epochs["batch_size"], epochs["seed"], strict=True)
    ]
    lowest, highest = epochs["percent"].min(), epochs["percent"].max()
    domain = [lowest - 1, highest + 1] if lowest == lowest else [0, 100]
    scale = alt.Scale(zero=False, domain=domain)
    panels = []
    for index, mode in enumerate(selected):
        rows = epochs[epochs["mode"] == mode]
        lines = alt.Chart(rows).encode(
            x=alt.X("epoch:O", title="epoch", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("percent:Q", title="validation accuracy, %", scale=scale),
            detail="run:N",
        )
        thin = lines.mark_line(strokeWidth=1, opacity=0.45, color="#777777").transform_filter("!datum.chosen")
        colour = COLOURS[index % len(COLOURS)]
        thick = lines.mark_line(strokeWidth=3, color=colour, point=alt.OverlayMarkDef(color=colour))
        thick = thick.transform_filter("datum.chosen")
        panels.append((thin + thick).properties(width=300, height=260, title=f"{mode}: all runs, selected one thick"))
    return alt.hconcat(*panels).resolve_scale(y="shared")


def save_chart(chart: alt.TopLevelMixin, svg: str | Path, png: str | Path) -> None:
    """Writes a chart as SVG and, at twice the size, as PNG."""
    chart = chart.configure(font=FONT, background="white").configure_title(anchor="start", fontSize=15)
    for path, options in ((svg, {}), (png, {"scale_factor": 2})):
        with whole_file(path) as part:
            chart.save(str(part), **options)
