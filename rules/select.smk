# Selection by validation, then one evaluation a mode on the test split.
# Needs: runs/, encoder/; evaluate_mode alone reads tokens/test.safetensors
# Makes: runs.csv, epochs.csv, selection.json, evaluation/<mode>.{json,csv}, comparison.json


rule collect_runs:
    """Collects all runs into one table, and their epochs into another."""
    input:
        runs_of(MODES, "result.json"),
        runs_of(MODES, "history.csv"),
    output:
        table=f"{RESULTS}/runs.csv",
        epochs=f"{RESULTS}/epochs.csv",
    params:
        grid=section("grid"),
        runs=RUNS,
        code=code("collect_runs"),
    log:
        f"{RESULTS}/logs/collect_runs.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.collect_runs --grid {params.grid:q} --runs {params.runs:q} --table {output.table:q}"
        " --epochs {output.epochs:q} > {log:q} 2>&1"


rule select_runs:
    """Selects the best setting of every mode by the validation split."""
    input:
        rules.collect_runs.output.table,
    output:
        f"{RESULTS}/selection.json",
    params:
        code=code("select_runs"),
    log:
        f"{RESULTS}/logs/select_runs.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.select_runs --runs {input:q} --output {output:q} > {log:q} 2>&1"


rule evaluate_mode:
    """Evaluates a mode's selected run on the test split: the only rule that reads it."""
    input:
        selection=rules.select_runs.output,
        weights=lambda wildcards: runs_of([wildcards.mode], "weights.safetensors"),
        encoder=multiext(f"{ENCODER}/", "config.json", "model.safetensors"),
        test=f"{RESULTS}/tokens/test.safetensors",
    output:
        scores=f"{RESULTS}/evaluation/{{mode}}.json",
        predictions=f"{RESULTS}/evaluation/{{mode}}.csv",
    params:
        runs=RUNS,
        encoder=ENCODER,
        code=code("evaluate_mode"),
    log:
        f"{RESULTS}/logs/evaluate_mode/{{mode}}.log",
    threads: SETTINGS.training.threads
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.evaluate_mode --mode {wildcards.mode} --selection {input.selection:q}"
        " --runs {params.runs:q} --encoder {params.encoder:q} --test {input.test:q} --output {output.scores:q}"
        " --predictions {output.predictions:q} > {log:q} 2>&1"


rule compare_modes:
    """Computes the intervals of the test accuracies and of their differences."""
    input:
        expand(rules.evaluate_mode.output.predictions, mode=MODES),
    output:
        f"{RESULTS}/comparison.json",
    params:
        modes=MODES,
        code=code("compare_modes"),
    log:
        f"{RESULTS}/logs/compare_modes.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.compare_modes --modes {params.modes} --predictions {input:q} --output {output:q}"
        " > {log:q} 2>&1"
