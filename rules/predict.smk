# Predictions for a user's own table: the target `predict`, with --config input=FILE.
# Needs: the file; export/<mode>/, selection.json, precision.json
# Makes: predictions/<name of the file>, or the file that output names; predictions/.mode where no mode is asked for


checkpoint choose_mode:
    """Names the mode whose classifier predicts, the best on validation; only then its export is planned."""
    input:
        rules.select_runs.output[0],
    output:
        f"{RESULTS}/predictions/.mode",
    log:
        f"{RESULTS}/logs/choose_mode.log",
    conda:
        "../envs/bitsweep.yaml"
    params:
        metric=SETTINGS.metric,
        code=fingerprint("choose_mode"),
    shell:
        "python -m scripts.choose_mode --selection {input:q} --metric {params.metric} --output {output:q} > {log:q} 2>&1"


rule predict_file:
    """Predicts labels and calibrated probabilities beside the columns of a user's table."""
    input:
        # From functions, since Snakemake would look for wildcards in a path that is written here.
        table=lambda wildcards: REQUEST.input,
        classifier=classifier_to_predict,
        precision=rules.choose_precision.output[0],
    output:
        REQUEST.output,
    log:
        f"{RESULTS}/logs/predict_file.log",
    conda:
        "../envs/bitsweep.yaml"
    threads: workflow.resource_settings.cores or 1
    resources:
        mem_mb=lambda wildcards, attempt: DEMAND.memory_mb({"batch_size": SELECTED}, attempt),
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu_percent=DEMAND.gpu_percent(),
    params:
        columns=lambda wildcards: canonical_json(REQUEST.columns),
        mode=f"--mode {REQUEST.mode}" if REQUEST.mode else f"--mode-in {rules.choose_mode.output[0]}",
        folder=EXPORT,
        code=fingerprint("predict_file"),
    shell:
        "python -m scripts.predict_file --classifiers {params.folder:q} {params.mode}"
        " --input {input.table:q} --columns {params.columns:q} --precision {input.precision:q} --threads {threads}"
        " --gpu-percent {resources.gpu_percent} --output {output:q} > {log:q} 2>&1"
