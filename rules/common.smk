# Loads and checks the config; names the folders and the runs. Makes no files.

import os
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import Paramspace

sys.path.insert(0, workflow.basedir)

from bitsweep.environment import prepare_jobs
from bitsweep.errors import UserError
from bitsweep.files import canonical_json
from bitsweep.fingerprint import fingerprint, scripts
from bitsweep.grid import DIMENSIONS, run_path, table_of_runs
from bitsweep.params import (
    encoder_text,
    experiment_text,
    recipe_text,
    section_text,
    snapshot,
    split_key,
)
from bitsweep.settings import load_settings
from bitsweep.sweep import Sweep

try:
    SETTINGS = load_settings(config)
except UserError as error:
    raise WorkflowError(str(error)) from None

RESULTS = f"results/{SETTINGS.experiment}"
RUNS = f"{RESULTS}/runs"
REPORT = f"{RESULTS}/report"
ENCODER = f"{RESULTS}/encoder"

prepare_jobs(workflow.basedir, RESULTS, section_text(SETTINGS, "limit"))

GRID = Paramspace(table_of_runs(SETTINGS.grid.model_dump()))
MODES = SETTINGS.grid.mode
# The tables that summarize makes, each with its category in `snakemake --report`.
SUMMARY_TABLES = {"grid": "Data", "validation": "Validation", "test": "Test", "runs": "Runs", "costs": "Costs"}
TABLES = ["encoder_input", *SUMMARY_TABLES]
RUN_FILES = ["history.csv", "result.json", "costs.json", "weights.safetensors"]
FIGURES = ["learning_curves", *(f"heatmap_{mode}" for mode in MODES)]
# For readers of the page and of papers, and for programs.
TABLE_FORMATS = ["csv", "md", "tex"]
FIGURE_FORMATS = ["svg", "png", "json"]

# Once, not once a job: it reads the encoder's files.
ENCODER_TEXT = encoder_text(SETTINGS)
SPLIT_KEY = split_key(SETTINGS)

# The official test split's file, where the data have one.
OFFICIAL_TEST = {"official_test": f"{RESULTS}/data/source/test.parquet"} if SETTINGS.data.source == "hub" else {}


wildcard_constraints:
    **{name: "[^/]+" for name in DIMENSIONS},
    split="train|validation|test",


def runs_of(modes, file):
    """The `file` of all runs of the `modes`."""
    cells = table_of_runs(SETTINGS.grid.model_dump()).to_dict("records")
    return [f"{RUNS}/{run_path(cell)}/{file}" for cell in cells if cell["mode"] in modes]


def reported_table(table):
    """A table's CSV file, marked for `snakemake --report`."""
    return report(
        f"{REPORT}/tables/{table}.csv",
        caption=f"../report/{table}.rst",
        category=SUMMARY_TABLES[table],
        labels={"result": f"table: {table}"},
    )


SWEEP = Sweep(RESULTS, SPLIT_KEY, snapshot(SETTINGS, scripts()))

# Snakemake parses the workflow again in each job that it submits; only the first one looks the results over.
if workflow.is_main_process:
    try:
        SWEEP.look_over()
    except UserError as error:
        raise WorkflowError(str(error)) from None
