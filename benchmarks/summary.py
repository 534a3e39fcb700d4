"""The summary of measurements: ratios, medians with their spreads, and a table."""

from collections.abc import Iterable
from statistics import median

PEERS = ("usual", "tuned")
WAYS = ("bitsweep", *PEERS)


def spread(values: Iterable[float]) -> dict | None:
    """Return the median, least, greatest and number of repeated values; None where there are none."""
    values = list(values)
    if not values:
        return None
    return {"median": median(values), "min": min(values), "max": max(values), "n": len(values)}


def middle(found: dict | None) -> float | None:
    return found and found["median"]


def choose(records: list[dict], **wanted) -> list[dict]:
    """Return the records that have these values."""
    return [record for record in records if all(record.get(key) == value for key, value in wanted.items())]


def ratios(records: list[dict], peer: str, **wanted) -> dict | None:
    """Return how many times as long the peer took as BitSweep, round by round."""
    own = {record["round"]: record["seconds"] for record in choose(records, way="bitsweep", **wanted)}
    other = {record["round"]: record["seconds"] for record in choose(records, way=peer, **wanted)}
    return spread(other[index] / own[index] for index in sorted(own.keys() & other.keys()))


def cells(records: list[dict], part: str) -> list[tuple[str, int]]:
    """Return the mode and batch size of all runs of a part, in the order in which they were measured."""
    return list(dict.fromkeys((record["mode"], record["batch_size"]) for record in choose(records, part=part)))


def summarize_runs(records: list[dict]) -> list[dict]:
    """Return a row for every mode and batch size that was run alone."""
    rows = []
    for mode, batch_size in cells(records, "run"):
        wanted = {"part": "run", "mode": mode, "batch_size": batch_size}
        row: dict = {"mode": mode, "batch_size": batch_size, "seconds": {}, "peak_memory_mb": {}}
        for way in WAYS:
            found = choose(records, way=way, **wanted)
            row["seconds"][way] = spread(record["seconds"] for record in found)
            row["peak_memory_mb"][way] = max((record["peak_memory_mb"] for record in found), default=None)
        row |= {f"ratio_{peer}": ratios(records, peer, **wanted) for peer in PEERS}
        row["ceiling_share"] = ceiling_shares(records, choose(records, way="bitsweep", **wanted))
        rows.append(row)
    return rows


def ceiling_shares(records: list[dict], runs: list[dict]) -> dict | None:
    """Return the share of the ceiling that BitSweep's runs reach in training, each on one thread.

    It is tokens per second, times operations per token, over the best rate that was measured.
    """
    ceilings = choose(records, part="ceiling")
    if not ceilings:
        return None
    rate = max(ceiling["gflops"] for ceiling in ceilings) * 1e9
    needs = ceilings[-1]["operations_per_token"]
    return spread(run["tokens_per_second"] * needs[run["mode"]] / rate for run in runs)


def accuracies(records: list[dict]) -> list[dict]:
    """Return the validation accuracy at the best epoch of each way, mode and setting: by seed, and as mean over seeds.

    A way's numbers are the same in each round, or nearly; the last round counts. None stands for a run that diverged.
    """
    rows: dict[tuple, dict] = {}
    for record in choose(records, part="sweep"):
        for run in record["runs"]:
            key = (record["way"], run["mode"], run["batch_size"], run["learning_rate"])
            names = ("way", "mode", "batch_size", "learning_rate")
            row = rows.setdefault(key, {**dict(zip(names, key, strict=True)), "by_seed": {}})
            row["by_seed"][str(run["seed"])] = run["accuracy"]
    for row in rows.values():
        # Optuna draws the order of its grid.
        row["by_seed"] = dict(sorted(row["by_seed"].items(), key=lambda item: int(item[0])))
        found = [value for value in row["by_seed"].values() if value is not None]
        row["mean"] = sum(found) / len(found) if found else None
        row["spread"] = spread(found)
    return sorted(rows.values(), key=lambda row: (row["mode"], row["batch_size"], WAYS.index(row["way"])))


def peak_of(rows: list[dict], way: str) -> float | None:
    """Return the greatest peak of memory of any run of a way, at the greatest batch size that was measured."""
    size = max((row["batch_size"] for row in rows), default=None)
    peaks = [row["peak_memory_mb"][way] for row in rows if row["batch_size"] == size]
    return max((peak for peak in peaks if peak is not None), default=None)


def summarize(records: list[dict]) -> dict:
    """Return what the results have besides the measurements; None stands for what was not measured (yet)."""
    sweeps, starts = choose(records, part="sweep"), choose(records, part="start")
    sweep = {way: spread(record["seconds"] for record in choose(sweeps, way=way)) for way in WAYS}
    start = {way: spread(record["seconds"] for record in choose(starts, way=way)) for way in WAYS}
    sweep_ratios = {peer: ratios(records, peer, part="sweep") for peer in PEERS}
    prepare = [record["seconds"] for record in choose(records, part="prepare")]
    runs = summarize_runs(records)
    full = choose(records, part="run", way="bitsweep", mode="full")
    busy = [run for record in choose(sweeps, way="bitsweep") for run in choose(record["runs"], mode="full")]
    return {
        "sweep_ratio_usual": middle(sweep_ratios["usual"]),
        "sweep_ratio_tuned": middle(sweep_ratios["tuned"]),
        "ceiling_share": middle(ceiling_shares(records, full)),
        "start_seconds": middle(start["bitsweep"]),
        "peak_memory_mb": peak_of(runs, "bitsweep"),
        "accuracies": accuracies(records),
        "sweep": {
            "seconds": sweep,
            "ratios": sweep_ratios,
            # Reading the package, splitting and preparing the encoder, which count in no way's time.
            "prepare_seconds": prepare[0] if prepare else None,
            "ceiling_share_cores_busy": ceiling_shares(records, busy),
        },
        "starts": start,
        "peak_memory_mb_by_way": {way: peak_of(runs, way) for way in WAYS},
        "runs": runs,
        "product_gflops": spread(record["gflops"] for record in choose(records, part="ceiling")),
    }


def show(found: dict | float | None, digits: int = 1) -> str:
    """Return a number as text, or a median with least and greatest where there are several."""
    if found is None:
        return "–"
    if not isinstance(found, dict):
        return f"{found:.{digits}f}"
    text = f"{found['median']:.{digits}f}"
    return text if found["n"] == 1 else f"{text} ({found['min']:.{digits}f}–{found['max']:.{digits}f})"


def lines_of(header: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]


def table(results: dict) -> str:
    """Return the results as Markdown tables: medians, in brackets least and greatest of what was repeated."""
    sweep, starts, memory = results["sweep"], results["starts"], results["peak_memory_mb_by_way"]
    rows = [
        ["whole sweep, all cores, s", *(show(sweep["seconds"][way]) for way in WAYS)],
        ["the same over BitSweep's", "1", *(show(sweep["ratios"][peer], 2) for peer in PEERS)],
        ["process start to first step, s", *(show(starts[way], 2) for way in WAYS)],
        ["peak memory, greatest batch size, MB", *(show(memory[way], 0) for way in WAYS)],
        ["share of the matrix ceiling, full", show(results["ceiling_share"], 3), "", ""],
        ["the same, all cores busy", show(sweep["ceiling_share_cores_busy"], 3), "", ""],
    ]
    lines = lines_of(["", *WAYS], rows)
    rows = [
        [
            f"{row['mode']}, {row['batch_size']}",
            *(show(row["seconds"][way]) for way in WAYS),
            *(show(row[f"ratio_{peer}"], 2) for peer in PEERS),
            show(row["ceiling_share"], 3),
        ]
        for row in results["runs"]
    ]
    header = ["whole run, s", "bitsweep (one thread)", "usual", "tuned", "usual over", "tuned over", "ceiling share"]
    lines += ["", *lines_of(header, rows)]
    rows = []
    for row in results["accuracies"]:
        seeds = ", ".join(f"{seed}: {show(value, 4)}" for seed, value in row["by_seed"].items())
        rows.append([row["mode"], str(row["batch_size"]), row["way"], show(row["mean"], 4), seeds])
    lines += ["", *lines_of(["validation accuracy", "batch size", "way", "mean", "by seed"], rows)]
    return "\n".join(lines)
