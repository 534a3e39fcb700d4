# Predictions for a user's own table: the target `predict`, with --config input=FILE.
# Needs: the file; export/<mode>/, selection.json, precision.json
# Makes: predictions/<name of the file>, or the file that output names; predictions/.mode where no mode is asked for

from bitsweep.workflow.snakemake_internals import forget_checkpoint


checkpoint choose_mode:
    """Name the mode whose classifier predicts, the best on validation. Its export is planned only after that."""
    input:
        rules.select_runs.output[0],
    output:
        f"{RESULTS}/predictions/.mode",
    log:
        f"{RESULTS}/logs/choose_mode.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        metric=SETTINGS.metric,
        code=fingerprint("choose_mode"),
    shell:
        "python -m scripts.choose_mode --selection {input:q} --metric {params.metric} --output {output:q} > {log:q} 2>&1"


# With a checkpoint among its rules Snakemake would plan the whole workflow in each job that it submits.
if not CALL.is_first:
    forget_checkpoint(rules.choose_mode)


rule predict_file:
    """Predict labels and calibrated probabilities beside the columns of a user's table."""
    input:
        # From functions, since Snakemake would look for wildcards in a path that is written here.
        table=lambda wildcards: REQUEST.input,
        chosen=[] if REQUEST.mode else rules.choose_mode.output[0],
        classifier=classifier_to_predict,
        precision=rules.choose_precision.output[0],
    output:
        REQUEST.output,
    log:
        f"{RESULTS}/logs/predict_file.log",
    conda:
        "../envs/bitsweep.yaml"
    threads: CALL.cores
    resources:
        mem_mb=lambda wildcards, attempt: RUN_RESOURCES.memory_mb({"batch_size": SELECTED}, attempt),
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu_percent=RUN_RESOURCES.gpu_percent(),
    params:
        columns=lambda wildcards: canonical_json(REQUEST.columns),
        mode=lambda wildcards, input: f"--mode {REQUEST.mode}" if REQUEST.mode else f"--mode-in {input.chosen}",
        quoting=f"--quoting {REQUEST.quoting}" if REQUEST.quoting else "",
        folder=EXPORT,
        code=fingerprint("predict_file"),
    shell:
        "python -m scripts.predict_file --classifiers {params.folder:q} {params.mode}"
        " --input {input.table:q} --columns {params.columns:q} {params.quoting} --precision {input.precision:q} --threads {threads}"
        " --gpu-percent {resources.gpu_percent} --output {output:q} > {log:q} 2>&1"
        " && {{ grep '^Note: ' {log:q} >&2 || true; }}"
