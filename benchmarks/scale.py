"""Measure how long plans of ever more runs take, a whole sweep with simulated training, and its report's page.

python -m benchmarks.scale                           some minutes; run it with .venv's Python
python -m benchmarks.scale --plans 100 --sweep 100   a try

It works in a temporary copy of the workflow with real Snakemake. Only training is simulated (simulated.py), and takes
no time: all that is measured is what BitSweep and Snakemake take for themselves. The numbers are printed and written to
benchmarks/results/scale.json; docs/scale.md says what they mean.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.workspace import ROOT, Copy, Process
from bitsweep.files import write_json

MODES = ["bitfit", "bitfit_head"]
BATCH_SIZES = [8, 16, 32, 64, 128]
LEARNING_RATES = [5e-3, 3e-3, 1e-3, 5e-4, 3e-4, 1e-4, 5e-5, 3e-5, 1e-5, 5e-6]
# The number of runs of each seed.
SETTINGS = len(MODES) * len(BATCH_SIZES) * len(LEARNING_RATES)
# This is put into a page, whose title becomes the number of rows of its tables once all charts are drawn.
PROBE = """<script>
const look = () => {
  if (document.querySelector("figure.chart:not(.drawn)")) setTimeout(look, 10);
  else document.title = document.querySelectorAll("tr").length;
};
addEventListener("load", look);
</script></body>"""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def write_config(folder: Path, runs: int) -> str:
    """Write the config of an experiment of so many runs, a multiple of 100, and return the config's name."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    name = f"scale-{runs}"
    seeds = list(range(1, runs // SETTINGS + 1))
    grid = {"mode": MODES, "batch_size": BATCH_SIZES, "learning_rate": LEARNING_RATES, "seed": seeds}
    limit = {"train": 500, "validation": 1000, "test": 1000}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({**config, "experiment": name, "grid": grid, "limit": limit}))
    return f"{name}.yaml"


def snakemake(copy: Copy, config: str, *arguments: str) -> Process:
    return copy.process(
        "snakemake", [sys.executable, "-m", "snakemake", "--configfile", config, "--cores", "all", *arguments]
    )


def plan(copy: Copy, runs: int) -> Process:
    return snakemake(copy, write_config(copy.folder, runs), "--dry-run")


def sweep(copy: Copy, runs: int) -> dict[str, Process]:
    """Run a whole sweep with simulated training: its preparation, the rest, and a plan once all is there."""
    config = write_config(copy.folder, runs)
    shutil.copy(ROOT / "benchmarks" / "simulated.py", copy.folder / "bitsweep" / "training" / "run.py")
    results = f"results/{Path(config).stem}"
    splits = [f"{results}/tokens/{split}.safetensors" for split in ("train", "validation", "test")]
    prepared = snakemake(copy, config, *splits, f"{results}/encoder/config.json")
    seeds = [str(seed) for seed in range(1, runs // SETTINGS + 1)]
    command = [sys.executable, "-m", "benchmarks.simulated", "--encoder", f"{results}/encoder"]
    copy.process("states", [*command, "--labels", "2", "--seeds", *seeds])
    return {
        "prepare": prepared,
        "sweep": snakemake(copy, config),
        "plan when finished": plan(copy, runs),
    }


def draw(page: str, folder: Path) -> tuple[float, int]:
    """Draw a page in a headless Chromium.

    Returns the seconds from Chromium's start to its end, with all of the page drawn, and the rows of the page's tables.
    """
    path = folder / "page.html"
    path.write_text(PROBE.join(page.rsplit("</body>", 1)))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    # With virtual time, timers do not wait, but what they run takes its time.
    command += ["--disable-component-update", "--disable-sync", "--no-first-run", "--virtual-time-budget=60000"]
    command += [f"--user-data-dir={folder / 'profile'}", "--dump-dom", path.as_uri()]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    seconds = time.perf_counter() - start
    return seconds, int(re.search(r"<title>(\d+)</title>", done.stdout)[1])


def draw_report(page: str, folder: Path) -> dict:
    """Return how long Chromium takes for the report, and for a page with nothing on it."""
    empty = "<html><head><title></title></head><body></body></html>"
    # The first start, which makes the browser's profile, does not count.
    draw(empty, folder)
    (nothing, _), (seconds, rows) = draw(empty, folder), draw(page, folder)
    return {"bytes": len(page.encode()), "rows": rows, "seconds": round(seconds, 2), "empty_seconds": round(nothing, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, nargs="*", default=[100, 1000, 10_000], help="runs of the grids to plan")
    parser.add_argument("--sweep", type=int, default=1000, help="runs of the sweep, 0 for none")
    arguments = parser.parse_args()
    measured: dict = {}

    def note(name: str, value: object) -> None:
        measured[name] = value
        write_json(ROOT / "benchmarks" / "results" / "scale.json", measured)
        print(f"{name}: {value}", flush=True)

    def note_process(name: str, process: Process) -> None:
        note(name, {"seconds": round(process.seconds, 1), "peak_memory_mb": round(process.peak_memory_mb)})

    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        # This compiles the modules, so that no measurement has that in it.
        plan(copy, SETTINGS)
        for runs in arguments.plans:
            note_process(f"plan {runs}", plan(copy, runs))
        if arguments.sweep:
            for name, process in sweep(copy, arguments.sweep).items():
                note_process(f"{name} {arguments.sweep}", process)
            page = copy.folder / "results" / f"scale-{arguments.sweep}" / "report" / "index.html"
            if CHROMIUM:
                note("page", draw_report(page.read_text(), copy.folder))


if __name__ == "__main__":
    main()
