"""BitSweep: a grid of fine-tuning runs, selected by validation, tested once, reported with intervals.

snakemake --cores N                                   the default experiment, config.yaml
snakemake --cores N --configfile configs/imdb.yaml    another experiment
snakemake study --cores N                             the report with the training-size study
snakemake export --cores N                            the selected classifiers, as folders that transformers loads
snakemake predict --cores N --config input=my.csv     labels and probabilities for the rows of a file
snakemake --report report.html                        its results with how each was made, once they are there

An encoder of one's own is made by pretraining/Snakefile.
"""

from snakemake.utils import min_version

min_version("9.27")

# Configs stand alone: one that is named on the command line replaces the default instead of being laid over it.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/functions.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/select.smk"
include: "rules/report.smk"
include: "rules/export.smk"


if SETTINGS.study:

    include: "rules/study.smk"


if REQUEST:

    include: "rules/predict.smk"


rule all:
    """The experiment's report."""
    default_target: True
    input:
        f"{REPORT}/index.html",
        f"{REPORT}/report.md",
        f"{REPORT}/summary.json",
        expand(f"{REPORT}/tables/{{table}}.{{suffix}}", table=TABLES, suffix=TABLE_FORMATS),
        expand(f"{REPORT}/figures/{{figure}}.{{suffix}}", figure=FIGURES, suffix=FIGURE_FORMATS),
        # What the report was made from: Snakemake makes deleted files again only where a target names them.
        [runs_of(MODES, file) for file in RUN_FILES],
        expand(f"{RESULTS}/evaluation/{{mode}}.{{suffix}}", mode=MODES, suffix=["json", "csv"]),
        multiext(
            f"{RESULTS}/",
            "runs.csv",
            "epochs.csv",
            "costs.csv",
            "selection.json",
            "selection_price.json",
            "comparison.json",
        ),
        f"{RESULTS}/complete.txt",
        f"{RESULTS}/data/examination.json",


rule study:
    """The report with the training-size study."""
    input:
        rules.all.input,
        study_files,
        [f"{STUDY}/complete.txt"] if SETTINGS.study else [],


rule export:
    """For each mode the selected classifier, as a folder that transformers loads."""
    input:
        expand(f"{EXPORT}/{{mode}}/{{file}}", mode=MODES, file=[*EXPORTED, "README.md"]),
        expand(f"{EXPORT}/{{mode}}/delta.safetensors", mode=PARTIAL_MODES),


rule export_onnx:
    """The same in ONNX, which takes the packages of requirements-onnx.txt."""
    input:
        rules.export.input,
        onnx_files,


rule predict:
    """Labels and calibrated probabilities for a user's own file."""
    input:
        predictions,


# On a cluster, rules with `localrule: True` run where Snakemake does: they are light, or, as the first two of
# rules/data.smk, need the network. Submitted are tokenize_split, examine_data, choose_precision, check_mode, the runs,
# evaluations, exports, predictions and the statistics over many resamples.


onstart:
    try:
        check_targets(REQUEST, CALL.targets)
        if REQUEST and not CALL.is_local:
            check_names(REQUEST)
        if CALL.executor == "slurm":
            check_reachable()
        STARTUP.start()
    except UserError as error:
        refuse(error)
    CALL.stop_limiting_starts()
    CALL.notice_interruption()


onsuccess:
    for line in results_of(CALL.targets):
        print(line, file=sys.stderr)


onerror:
    say_at_end(CALL.failed_jobs, STARTUP.began)


CALL.keep_hooks()
