# The runs of the grid.
# Needs: encoder/, tokens/train.safetensors, tokens/validation.safetensors; never the test split
# Makes: precision.json, runs/<run>/{history.csv,result.json,costs.json,predictions.npy,weights.safetensors}


rule choose_precision:
    """Decide once, for all runs of the experiment, where and in which number format they train."""
    output:
        f"{RESULTS}/precision.json",
    log:
        f"{RESULTS}/logs/choose_precision.log",
    conda:
        "../envs/bitsweep.yaml"
    params:
        precision=SETTINGS.training.precision,
        device=SETTINGS.training.device,
        code=fingerprint("choose_precision"),
    shell:
        "python -m scripts.choose_precision --precision {params.precision} --device {params.device}"
        " --output {output:q} > {log:q} 2>&1"


rule train_run:
    """Train one run and store the parameters that it trained, at the epoch with the best validation score."""
    input:
        encoder=multiext(f"{ENCODER}/", *MODEL_FILES),
        train=f"{RESULTS}/tokens/train.safetensors",
        validation=f"{RESULTS}/tokens/validation.safetensors",
        precision=rules.choose_precision.output[0],
        checked=rules.check_mode.output[0],
    output:
        **{name: f"{RUNS}/{GRID.wildcard_pattern}/{file}" for name, file in RUN_FILES.items()},
    log:
        f"{RESULTS}/logs/train_run/{GRID.wildcard_pattern}.log",
    group:
        group_of_runs
    conda:
        "../envs/bitsweep.yaml"
    threads: SETTINGS.training.threads
    resources:
        mem_mb=lambda wildcards, attempt: RUN_RESOURCES.memory_mb(dict(wildcards.items()), attempt),
        runtime=lambda wildcards, attempt: RUN_RESOURCES.minutes(dict(wildcards.items()), attempt),
        gpu_percent=RUN_RESOURCES.gpu_percent(),
    params:
        recipe=lambda wildcards: recipe_text(SETTINGS, dict(wildcards.items())),
        labels=len(SETTINGS.label_names),
        encoder=lambda wildcards, input: os.path.dirname(input.encoder[0]),
        folder=lambda wildcards, output: os.path.dirname(output.result),
        # The study's runs may leave their setting to the selection.
        selection="",
        # Finished runs are found by this digest of the code that computes a run's numbers. How jobs start, wait and
        # report is no part of it.
        trains=module_digest("bitsweep.training.run"),
        # The experiment's finished runs may include this one.
        results=lambda wildcards: RESULTS,
        code=fingerprint("train_run"),
    shell:
        "python -m scripts.train_run --recipe {params.recipe:q} --labels {params.labels} --encoder {params.encoder:q}"
        " --code {params.trains}"
        " --train {input.train:q} --validation {input.validation:q} --precision {input.precision:q}"
        ' --results {params.results:q} --timed "$BITSWEEP_TIMED" --gpu-percent {resources.gpu_percent}'
        " {params.selection} --output {params.folder:q} > {log:q} 2>&1"
