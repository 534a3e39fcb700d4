# Predictions for a user's own table: the target `predict`, with --config input=FILE.
# Needs: the file; export/<mode>/, selection.json, precision.json
# Makes: predictions/<name of the file>, or the file that output names


rule predict_file:
    """Predicts labels and calibrated probabilities beside the columns of a user's table."""
    input:
        # From functions, since Snakemake would look for wildcards in a path that is written here.
        table=lambda wildcards: REQUEST.input,
        classifiers=lambda wildcards: expand(rules.export_mode.output, mode=modes_to_predict()),
        selection=rules.select_runs.output[0],
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
        mode=f"--mode {REQUEST.mode}" if REQUEST.mode else f"--metric {SETTINGS.metric}",
        folder=EXPORT,
        code=fingerprint("predict_file"),
    shell:
        "python -m scripts.predict_file --classifiers {params.folder:q} {params.mode} --selection {input.selection:q}"
        " --input {input.table:q} --columns {params.columns:q} --precision {input.precision:q} --threads {threads}"
        " --gpu-percent {resources.gpu_percent} --output {output:q} > {log:q} 2>&1"
