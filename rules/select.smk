# Selection by validation, then one evaluation a mode on the test split.
# Needs: runs/, encoder/, tokens/validation.safetensors; evaluate_mode alone reads tokens/test.safetensors here
# Makes: runs.csv, epochs.csv, costs.csv, selection.json, selection_price.json, evaluation/<mode>.{json,csv},
#        comparison.json, complete.txt


rule collect_runs:
    """Collect all runs into one table, their epochs into another, and their costs into a third."""
    input:
        runs_of(MODES, "result"),
        runs_of(MODES, "history"),
        runs_of(MODES, "costs"),
        runs_of(MODES, "predictions"),
        validation=f"{RESULTS}/tokens/validation.safetensors",
    output:
        table=f"{RESULTS}/runs.csv",
        epochs=f"{RESULTS}/epochs.csv",
        costs=f"{RESULTS}/costs.csv",
    log:
        f"{RESULTS}/logs/collect_runs.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        # In the order of the modes.
        grids=json.dumps(SETTINGS.grids),
        train_sizes="",
        runs=lambda wildcards, output: f"{os.path.dirname(output.table)}/runs",
        code=fingerprint("collect_runs"),
    shell:
        "python -m scripts.collect_runs --grids {params.grids:q} {params.train_sizes} --runs {params.runs:q}"
        " --validation {input.validation:q} --table {output.table:q} --epochs {output.epochs:q}"
        " --costs {output.costs:q} > {log:q} 2>&1"


rule select_runs:
    """Select the best setting of every mode by the validation split."""
    input:
        rules.collect_runs.output.table,
    output:
        f"{RESULTS}/selection.json",
    log:
        f"{RESULTS}/logs/select_runs.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        metric=SETTINGS.metric,
        code=fingerprint("select_runs"),
    shell:
        "python -m scripts.select_runs --runs {input:q} --metric {params.metric} --output {output:q} > {log:q} 2>&1"


rule price_selection:
    """Estimate what picking the best epoch and setting of each mode adds to its validation score."""
    input:
        runs_of(MODES, "predictions"),
        table=rules.collect_runs.output.table,
        validation=f"{RESULTS}/tokens/validation.safetensors",
    output:
        f"{RESULTS}/selection_price.json",
    log:
        f"{RESULTS}/logs/price_selection.log",
    conda:
        "../envs/bitsweep.yaml"
    params:
        metric=SETTINGS.metric,
        runs=lambda wildcards, output: f"{os.path.dirname(output[0])}/runs",
        code=fingerprint("price_selection"),
    shell:
        "python -m scripts.price_selection --metric {params.metric} --table {input.table:q} --runs {params.runs:q}"
        " --validation {input.validation:q} --output {output:q} > {log:q} 2>&1"


rule evaluate_mode:
    """Evaluate a mode's selected run on the test split: the only rule of the sweep that reads it."""
    input:
        selection=rules.select_runs.output[0],
        # The selection records the sums of the weights that it selected, so that other weights make another selection.
        weights=lambda wildcards: runs_of([wildcards.mode], "weights"),
        results=lambda wildcards: runs_of([wildcards.mode], "result"),
        encoder=multiext(f"{ENCODER}/", *MODEL_FILES),
        test=f"{RESULTS}/tokens/test.safetensors",
    output:
        scores=f"{RESULTS}/evaluation/{{mode}}.json",
        predictions=f"{RESULTS}/evaluation/{{mode}}.csv",
    log:
        f"{RESULTS}/logs/evaluate_mode/{{mode}}.log",
    conda:
        "../envs/bitsweep.yaml"
    threads: SETTINGS.training.threads
    resources:
        mem_mb=lambda wildcards, attempt: RUN_RESOURCES.memory_mb({"batch_size": SELECTED}, attempt),
        runtime=lambda wildcards, attempt: RUN_RESOURCES.evaluation_minutes(len(SETTINGS.grid.seed), attempt),
        gpu_percent=RUN_RESOURCES.gpu_percent(),
    params:
        runs=lambda wildcards, input: f"{os.path.dirname(input.selection)}/runs",
        encoder=lambda wildcards, input: os.path.dirname(input.encoder[0]),
        code=fingerprint("evaluate_mode"),
    shell:
        "python -m scripts.evaluate_mode --mode {wildcards.mode} --selection {input.selection:q}"
        " --runs {params.runs:q} --encoder {params.encoder:q} --test {input.test:q} --output {output.scores:q}"
        " --gpu-percent {resources.gpu_percent} --predictions {output.predictions:q} > {log:q} 2>&1"


rule compare_modes:
    """Compute the intervals of the modes' test scores and of their differences."""
    input:
        scores=expand(rules.evaluate_mode.output.scores, mode=MODES),
        # The scores record the sums of these files.
        predictions=expand(rules.evaluate_mode.output.predictions, mode=MODES),
    output:
        f"{RESULTS}/comparison.json",
    log:
        f"{RESULTS}/logs/compare_modes.log",
    conda:
        "../envs/bitsweep.yaml"
    resources:
        # Predictions, and CHUNK resamples of the test examples (bitsweep/selection/bootstrap.py), are in memory.
        mem_mb=lambda wildcards, input, attempt: int(2000 + 30 * input.size_mb) * attempt,
        runtime=lambda wildcards, input, attempt: int(20 + input.size_mb) * attempt,
    params:
        modes=MODES,
        metric=SETTINGS.metric,
        code=fingerprint("compare_modes"),
    shell:
        "python -m scripts.compare_modes --modes {params.modes} --metric {params.metric} --predictions {input.predictions:q} --output {output:q}"
        " > {log:q} 2>&1"


rule confirm_runs:
    """Fail, after the report is written, where a run could not be trained, so that a missing run is noticed."""
    input:
        rules.collect_runs.output.table,
    output:
        f"{RESULTS}/complete.txt",
    log:
        f"{RESULTS}/logs/confirm_runs.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        code=fingerprint("confirm_runs"),
    shell:
        "python -m scripts.confirm_runs --runs {input:q} --output {output:q} > {log:q} 2>&1"
