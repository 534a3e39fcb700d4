# Loads and checks the config; names the folders and the runs. Makes no files.

import json
import math
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import Paramspace

sys.path.insert(0, workflow.basedir)

from bitsweep.workflow.resources import SAMPLE, RunResources, find_shape, teaching_minutes
from bitsweep.jobs.environment import prepare_jobs
from bitsweep.errors import UserError
from bitsweep.export.onnx_packages import need_onnx
from bitsweep.files import canonical_json
from bitsweep.workflow.fingerprint import fingerprint, module_digest, scripts
from bitsweep.jobs.gpu_slots import share_gpus
from bitsweep.config.grid import DIMENSIONS, run_path, table_of_runs
from bitsweep.workflow.rule_params import (
    SELECTED,
    data_text,
    encoder_text,
    experiment_text,
    export_text,
    limits_text,
    local_files,
    official_splits,
    recipe_text,
    snapshot,
    split_key,
    study_grids,
    timed_key,
)
from bitsweep.config.load import load_settings
from bitsweep.pretraining.settings import (
    SCRIPTS,
    CARD_KEYS,
    check_folder,
    check_sources,
    corpus_files,
    corpus_mb,
    corpus_text,
    load_pretraining,
    teacher_text,
)
from bitsweep.workflow.predict_request import check_names, check_targets, split_config, read_request
from bitsweep.training.run_files import RUN_FILES
from bitsweep.workflow.slurm import check_reachable, note_job
from bitsweep.workflow.startup import Sweep

# What the command line asks of the target predict is no part of the experiment.
EXPERIMENT, ASKED = split_config(config, workflow.config_settings.config)

# Nor is how an encoder is made.
MAKES_ENCODER = EXPERIMENT.pop("pretrain", None)

try:
    SETTINGS = load_settings(EXPERIMENT)
    PRETRAINING = load_pretraining(MAKES_ENCODER) if MAKES_ENCODER else None
except UserError as error:
    raise WorkflowError(str(error)) from None

RESULTS = f"results/{SETTINGS.experiment}"
RUNS = f"{RESULTS}/runs"
REPORT = f"{RESULTS}/report"
ENCODER = f"{RESULTS}/encoder"
EXPORT = f"{RESULTS}/export"
PRETRAIN = PRETRAINING and f"results/pretrain-{PRETRAINING.name}"

# Once, not once a job: they read files.
ENCODER_TEXT = encoder_text(SETTINGS)
DATA_TEXT = data_text(SETTINGS)
SPLIT_KEY = split_key(SETTINGS, DATA_TEXT)
TIMED = timed_key(SETTINGS, ENCODER_TEXT, SPLIT_KEY)

prepare_jobs(workflow.basedir, RESULTS, PRETRAIN, limits_text(SETTINGS), TIMED)

CELLS = table_of_runs(SETTINGS.grids)
GRID = Paramspace(CELLS)
MODES = SETTINGS.grid.mode
# The tables that summarize makes, each with its category in `snakemake --report`.
SUMMARY_TABLES = {
    "data": "Data",
    "grid": "Data",
    "validation": "Validation",
    "test": "Test",
    "confusion": "Test",
    "differences": "Test",
    "modes": "Costs",
    "runs": "Runs",
    "costs": "Costs",
}
TABLES = ["encoder_input", *SUMMARY_TABLES]
# The files of a classifier that is taken home.
EXPORTED = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "calibration.json"]
FIGURES = ["learning_curves", "costs", "differences", *(f"heatmap_{mode}" for mode in MODES)]
# For readers of the page and of papers, and for programs.
TABLE_FORMATS = ["csv", "md", "tex"]
FIGURE_FORMATS = ["svg", "png", "json"]

# Modes that leave part of the encoder as it is: their runs can be taken home as that part alone.
PARTIAL_MODES = [mode for mode in MODES if "all" not in SETTINGS.mode(mode).get("train", [])]

STUDY = f"{RESULTS}/study"
if SETTINGS.study:
    STUDY_CELLS = table_of_runs(study_grids(SETTINGS), train_size=SETTINGS.study.train_size)
    STUDY_GRID = Paramspace(STUDY_CELLS)

# What runs ask of a machine or a cluster.
RUN_RESOURCES = RunResources(
    SETTINGS, find_shape(SETTINGS, Path(ENCODER)), Path(f"{RESULTS}/data/rows.json"), SPLIT_KEY, local_files(SETTINGS)
)

# The source's own splits besides the labelled rows.
OFFICIAL = [f"{RESULTS}/data/source/{split}.parquet" for split in official_splits(SETTINGS)]


wildcard_constraints:
    **{name: "[^/]+" for name in (*DIMENSIONS, "train_size")},
    split="train|validation|test",


def runs_of(modes, file):
    """Return the `file` (a key of RUN_FILES) of all runs of the `modes`."""
    cells = CELLS.to_dict("records")
    return [f"{RUNS}/{run_path(cell)}/{RUN_FILES[file]}" for cell in cells if cell["mode"] in modes]


def study_runs(file, mode=None):
    """Return the `file` (a key of RUN_FILES) of all runs of the study, or of one mode's."""
    cells = STUDY_CELLS.to_dict("records")
    return [f"{STUDY}/runs/{run_path(cell)}/{RUN_FILES[file]}" for cell in cells if mode in (None, cell["mode"])]


def refuse(error):
    """Ends the call with a sentence alone: where an input function raises, Snakemake prints a traceback beside it."""
    logger.error(f"Error: {error}")
    sys.exit(1)


def study_files(wildcards=None):
    """What the target `study` makes besides the report."""
    if not SETTINGS.study:
        refuse("study is missing from the config: add a section study with a list train_size.")
    tables = multiext(f"{REPORT}/tables/study.", *TABLE_FORMATS)
    figures = multiext(f"{REPORT}/figures/score_by_size.", *FIGURE_FORMATS)
    return [f"{STUDY}/summary.json", *tables, *figures]


def study_of_report(wildcards):
    """The study is a part of the report when it is asked for, and once it has been made."""
    asked = "study" in workflow.dag_settings.targets
    made = os.path.exists(f"{STUDY}/summary.json")
    return study_files() if SETTINGS.study and (asked or made) else []


def onnx_files(wildcards=None):
    """The files of the target `export_onnx`, where what it takes is installed."""
    try:
        need_onnx()
    except UserError as error:
        refuse(error)
    return expand(f"{EXPORT}/{{mode}}/model.onnx", mode=MODES)


def predictions(wildcards=None):
    """The table that the target `predict` makes."""
    if REQUEST is None:
        refuse("input is missing: call snakemake predict --cores N --config input=FILE.")
    return REQUEST.output


def targets():
    """The names or files that this call was asked to make."""
    return set(workflow.dag_settings.targets) or {"pretrain" if ONLY_PRETRAINS else "all"}


def results_of(asked):
    """Where the results of a call are, a line each."""
    if "pretrain" in asked:
        yield f"The encoder: {PRETRAINING.model}/"
    if {"export", "export_onnx"} & asked:
        yield f"The classifiers: {EXPORT}/"
    if REQUEST and {"predict", REQUEST.output} & asked:
        yield f"The predictions: {REQUEST.output}"
    if asked != {"pretrain"} and os.path.exists(f"{REPORT}/index.html"):
        yield f"The report: {REPORT}/index.html"


def teaching_mb(input):
    """Megabytes that a teacher asks for: its weights, what it computes, and what it says of its part of the texts."""
    weights, corpus = (os.path.getsize(path) / 1e6 for path in (input.teacher[1], input.corpus))
    return int(3000 + 3 * weights + 20 * corpus)


def reading_minutes(input, parts, windows=math.inf):
    """Minutes that a teacher asks for to read one of so many parts of the texts, at most so many windows of it."""
    weights, corpus = (os.path.getsize(path) for path in (input.teacher[1], input.corpus))
    # A token has 8 bytes.
    return teaching_minutes(weights, min(corpus / 8 / parts, windows * PRETRAINING.student.positions))


def pretrained(wildcards=None):
    """What the target `pretrain` makes."""
    if PRETRAINING is None:
        refuse("pretrain is missing from the config: add it, or call with configs/pretrain.yaml.")
    try:
        check_sources(PRETRAINING)
    except UserError as error:
        refuse(error)
    return [*rules.write_student.output, *rules.plot_pretraining.output]


def classifier_to_predict(wildcards):
    """The exported classifier that predicts; where its mode is chosen, only once it is."""
    mode = REQUEST.mode
    if mode is None:
        # In jobs that are submitted it is no checkpoint, and its file is there.
        choice = checkpoints.choose_mode.get() if workflow.is_main_process else rules.choose_mode
        mode = Path(choice.output[0]).read_text().strip()
    return expand(f"{EXPORT}/{mode}/{{file}}", file=EXPORTED)


def reported_table(table):
    """A table's CSV file, marked for `snakemake --report`."""
    return report(
        f"{REPORT}/tables/{table}.csv",
        caption=f"../report/{table}.rst",
        category=SUMMARY_TABLES[table],
        labels={"result": f"table: {table}"},
    )


def group_of_runs(wildcards):
    """Runs share a cluster's jobs, in a number that follows from how long they last, unless the profile says one."""
    if workflow.local_exec:
        return None
    # Only now, since Snakemake sets its settings of groups after it has read the rules.
    settings = workflow.group_settings
    if "runs" not in settings.group_components:
        at_once = max(1, (workflow.resource_settings.cores or 1) // SETTINGS.training.threads)
        size = RUN_RESOURCES.runs_per_job(CELLS.to_dict("records"), at_once)
        settings.group_components = {**settings.group_components, "runs": size}
    return "runs"


# Of scripts that make an encoder no result of an experiment depends on.
MADE_BY = snapshot(SETTINGS, set(scripts()) - set(SCRIPTS)) | {"encoder_files": ENCODER_TEXT}
SWEEP = Sweep(RESULTS, SPLIT_KEY, MADE_BY, limits_text(SETTINGS), local_files(SETTINGS))
# And a pretraining works on no experiment.
MAKING = Sweep(PRETRAIN, "", snapshot(PRETRAINING, SCRIPTS, CARD_KEYS), "{}", []) if PRETRAINING else None

try:
    REQUEST = read_request(ASKED, SETTINGS, RESULTS) if ASKED else None
except UserError as error:
    raise WorkflowError(str(error)) from None

# Snakemake parses the workflow again in each job that it submits; only the first one looks the results over.
if workflow.is_main_process:
    try:
        # Snakemake knows its targets only later.
        pretrains = ONLY_PRETRAINS or bool({"pretrain", *SCRIPTS} & set(sys.argv))
        SWEEP.look_over(later=pretrains)
        if MAKING:
            MAKING.look_over(later=not pretrains)
        limit = workflow.global_resources.get("gpu_percent")
        share_gpus(limit and limit.value)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    RUN_RESOURCES.measure(
        ((cell, Path(RUNS, run_path(cell), RUN_FILES["costs"])) for cell in CELLS.to_dict("records")), TIMED
    )
elif workflow.remote_exec:
    # Of the job Snakemake tells only its command line as yet.
    pretrains = MAKING and any(argument.split(":")[0] in SCRIPTS for argument in sys.argv)
    note_job((MAKING if pretrains else SWEEP).results)
