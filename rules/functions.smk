# Functions of the rules: files of many runs, and files that depend on the targets of a call or on files made so far.

from bitsweep.export.onnx_packages import need_onnx
from bitsweep.workflow.layout import SUMMARY_TABLES


def runs_of(modes, file):
    """Return the `file` (a key of RUN_FILES) of all runs of the `modes`."""
    cells = CELLS.to_dict("records")
    return [f"{RUNS}/{run_path(cell)}/{RUN_FILES[file]}" for cell in cells if cell["mode"] in modes]


def study_runs(file, mode=None):
    """Return the `file` (a key of RUN_FILES) of all runs of the study, or of one mode's."""
    cells = STUDY_CELLS.to_dict("records")
    return [f"{STUDY}/runs/{run_path(cell)}/{RUN_FILES[file]}" for cell in cells if mode in (None, cell["mode"])]


def group_of_runs(wildcards):
    """Return the group of runs that share a cluster's jobs, as many as their time allows unless the profile sets it."""
    if CALL.is_local:
        return None
    at_once = max(1, CALL.cores // SETTINGS.training.threads)
    CALL.set_group_size("runs", lambda: RUN_RESOURCES.runs_per_job(CELLS.to_dict("records"), at_once))
    return "runs"


def study_files(wildcards=None):
    """Return the files that the target `study` makes besides the report."""
    if not SETTINGS.study:
        refuse("study is missing from the config: add a section study with a list train_size.")
    tables = multiext(f"{REPORT}/tables/study.", *TABLE_FORMATS)
    figures = multiext(f"{REPORT}/figures/score_by_size.", *FIGURE_FORMATS)
    return [f"{STUDY}/summary.json", *tables, *figures]


def study_of_report(wildcards):
    """Return the study's files for the report, which shows the study once it is asked for or has been made."""
    made = os.path.exists(f"{STUDY}/summary.json")
    return study_files() if SETTINGS.study and ("study" in CALL.targets or made) else []


def reported_table(table):
    """Return a table's CSV file, marked for `snakemake --report`."""
    return report(
        f"{REPORT}/tables/{table}.csv",
        caption=f"../report/{table}.rst",
        category=SUMMARY_TABLES[table],
        labels={"result": f"table: {table}"},
    )


def onnx_files(wildcards=None):
    """Return the files of the target `export_onnx`, where the packages that it takes are installed."""
    try:
        need_onnx()
    except UserError as error:
        refuse(error)
    return expand(f"{EXPORT}/{{mode}}/model.onnx", mode=MODES)


def predictions(wildcards=None):
    """Return the table that the target `predict` makes."""
    if REQUEST is None:
        refuse("input is missing: call snakemake predict --cores N --config input=FILE.")
    return REQUEST.output


def classifier_to_predict(wildcards):
    """Return the files of the classifier that predicts; where the selection chooses its mode, wait for that."""
    mode = REQUEST.mode
    if mode is None:
        # In a submitted job choose_mode is no checkpoint, and its file is there already.
        choice = checkpoints.choose_mode.get() if CALL.is_first else rules.choose_mode
        with open(choice.output[0]) as file:
            mode = file.read().strip()
    return expand(f"{EXPORT}/{mode}/{{file}}", file=EXPORTED)
