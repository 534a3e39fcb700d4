"""BitSweep: a grid of fine-tuning runs, selected by validation, tested once, reported with intervals.

snakemake --cores N                                   the default experiment, config.yaml
snakemake --cores N --configfile configs/imdb.yaml    another experiment
snakemake export --cores N                            the selected classifiers, as folders that transformers loads
snakemake predict --cores N --config input=my.csv     labels and probabilities for the rows of a file
snakemake pretrain --cores N                          the embedded encoder anew, configs/pretrain.yaml
snakemake --report report.html                        its results with how each was made, once they are there
"""

from snakemake.utils import min_version

min_version("9.27")

# Configs stand alone: one that is named on the command line replaces the default instead of being laid over it.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"
    configfile: "configs/pretrain.yaml"


# One that says only how an encoder is made goes with the default experiment, and does that where no target is named.
ONLY_PRETRAINS = bool(workflow.overwrite_configfiles) and "pretrain" in config and "experiment" not in config
if ONLY_PRETRAINS:

    configfile: "config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/select.smk"
include: "rules/report.smk"
include: "rules/export.smk"


if SETTINGS.study:

    include: "rules/study.smk"

    localrules:
        collect_study,
        select_study,
        confirm_study,
        plot_size,


rule all:
    """The experiment's report."""
    default_target: not ONLY_PRETRAINS
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
    """The same in ONNX, which takes what requirements-onnx.txt names."""
    input:
        rules.export.input,
        onnx_files,


if REQUEST:

    include: "rules/predict.smk"

    localrules:
        choose_mode,


rule predict:
    """Labels and calibrated probabilities for a user's own file."""
    input:
        predictions,


if PRETRAINING:

    include: "rules/pretrain.smk"

    localrules:
        fetch_teacher,
        plot_pretraining,
        write_student,


rule pretrain:
    """An encoder, made from texts without labels and from a larger one."""
    default_target: ONLY_PRETRAINS
    input:
        pretrained,


# On a cluster these run where Snakemake does: they are light, or, as the first two, need the network. What remains are
# tokenize_split, examine_data, choose_precision, check_mode, the runs, evaluations, exports, predictions, the statistics
# over many resamples, and most of pretraining.
localrules:
    all,
    study,
    export,
    export_onnx,
    predict,
    fetch_data,
    fetch_encoder,
    split_data,
    collect_runs,
    select_runs,
    confirm_runs,
    describe_input,
    export_card,
    plot_heatmap,
    plot_learning_curves,
    plot_modes,
    summarize,
    write_report,


onstart:
    try:
        check_targets(REQUEST, workflow.dag_settings.targets)
        if REQUEST and not workflow.local_exec:
            check_names(REQUEST)
        if workflow.executor_plugin.name == "slurm":
            check_reachable()
        planned = {job.rule.name for job in workflow.dag.needrun_jobs()}
        if planned & set(SCRIPTS):
            # The target pretrain has looked already, but its jobs may be asked for by their own names.
            check_folder(PRETRAINING.model)
            MAKING.start()
        if planned - {*SCRIPTS, "pretrain"}:
            SWEEP.start()
    except UserError as error:
        refuse(error)
    # Snakemake's limit of starts a second leaves a timer for every job that has ended, each of which wakes the scheduler
    # every second: after hundreds of runs it does nothing else. Here nothing needs the limit.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    for line in results_of(targets()):
        print(line, file=sys.stderr)
