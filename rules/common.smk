# The config, loaded and checked; the names of the folders, the modes and the runs. This changes nothing on the disk.

import json
import os
import sys

from snakemake.utils import Paramspace

# The folder of the Snakefile. In a module `workflow.basedir` is that of the main one.
sys.path.insert(0, os.path.dirname(workflow.current_basedir.get_path_or_uri(secret_free=True)))

from bitsweep.config.grid import DIMENSIONS, run_path, table_of_runs
from bitsweep.config.load import load_settings
from bitsweep.errors import UserError
from bitsweep.files import canonical_json
from bitsweep.jobs.environment import prepare_jobs
from bitsweep.jobs.gpu_slots import share_gpus
from bitsweep.training.run_files import RUN_FILES
from bitsweep.workflow import layout
from bitsweep.workflow.failures import say_at_end
from bitsweep.workflow.fingerprint import fingerprint, module_digest
from bitsweep.workflow.known_rows import KnownRows
from bitsweep.workflow.layout import ENCODER_FILES, EXPORTED, FIGURE_FORMATS, MODEL_FILES, SPLITS, TABLE_FORMATS, TABLES
from bitsweep.workflow.predict_request import check_names, check_targets, read_request, split_config
from bitsweep.workflow.resources import RunResources, find_shape
from bitsweep.workflow.rule_params import (
    SELECTED,
    data_text,
    encoder_text,
    limits_text,
    local_files,
    recipe_text,
    snapshot,
    split_key,
    study_grids,
    timed_key,
)
from bitsweep.workflow.slurm import check_reachable, note_job
from bitsweep.workflow.snakemake_internals import Call, refuse
from bitsweep.workflow.startup import Startup

CALL = Call(workflow)
# A request of the target predict on the command line is no part of the experiment.
EXPERIMENT, ASKED = split_config(config, CALL.given_config)
try:
    SETTINGS = load_settings(EXPERIMENT)
    RESULTS = f"results/{SETTINGS.experiment}"
    REQUEST = read_request(ASKED, SETTINGS, RESULTS) if ASKED else None
except UserError as error:
    refuse(error)

RUNS = f"{RESULTS}/runs"
STUDY = f"{RESULTS}/study"
REPORT = f"{RESULTS}/report"
ENCODER = f"{RESULTS}/encoder"
EXPORT = f"{RESULTS}/export"
MODES = SETTINGS.grid.mode
FIGURES = layout.figures(MODES)

# These are computed once, not once per job, since they read files.
ENCODER_TEXT = encoder_text(SETTINGS)
DATA_TEXT = data_text(SETTINGS)
SPLIT_KEY = split_key(SETTINGS, DATA_TEXT)
TIMED = timed_key(SETTINGS, ENCODER_TEXT, SPLIT_KEY)

CELLS = table_of_runs(SETTINGS.grids)
GRID = Paramspace(CELLS)


wildcard_constraints:
    **{name: "[^/]+" for name in (*DIMENSIONS, "train_size")},
    split="|".join(SPLITS),


def results_of(targets):
    """Yield a line for each kind of results that a call has made, which says where they are."""
    if {"export", "export_onnx"} & targets:
        yield f"The classifiers: {EXPORT}/"
    if REQUEST and {"predict", REQUEST.output} & targets:
        yield f"The predictions: {REQUEST.output}"
    if os.path.exists(f"{REPORT}/index.html"):
        yield f"The report: {REPORT}/index.html"


try:
    prepare_jobs(RESULTS, limits_text(SETTINGS), TIMED, canonical_json(SETTINGS.allow_unreadable))
except UserError as error:
    refuse(error)
# What runs demand of a machine or a cluster.
RUN_RESOURCES = RunResources(
    SETTINGS, find_shape(SETTINGS, ENCODER), f"{RESULTS}/data/rows.json", SPLIT_KEY, local_files(SETTINGS)
)
ROWS = KnownRows(SPLIT_KEY, limits_text(SETTINGS), local_files(SETTINGS))
STARTUP = Startup(
    RESULTS, {**snapshot(SETTINGS, without=["allow_unreadable"]), "encoder_files": ENCODER_TEXT}, ROWS.check
)
# Snakemake parses the workflow again in each job that it submits; only the first process looks the results over.
if CALL.is_first:
    try:
        if CALL.claim(RESULTS):
            CALL.before_planning(STARTUP.mend, STARTUP.look)
        share_gpus(CALL.gpu_percent)
    except UserError as error:
        refuse(error)
    costs = ((cell, f"{RUNS}/{run_path(cell)}/{RUN_FILES['costs']}") for cell in CELLS.to_dict("records"))
    RUN_RESOURCES.measure(costs, TIMED)
elif CALL.is_submitted_job:
    note_job(RESULTS)
