# The training-size study: every mode on parts of the training split.
# Needs: encoder/, tokens/, precision.json, selection.json; evaluate_study alone reads tokens/test.safetensors here
# Makes: study/runs/<run>/, study/{runs,epochs,costs}.csv, study/selection.json, study/evaluation/<mode>.{json,csv},
#        study/complete.txt, study/summary.json, report/tables/study.*, report/figures/score_by_size.*

STUDY_CELLS = table_of_runs(study_grids(SETTINGS), train_size=SETTINGS.study.train_size)
STUDY_GRID = Paramspace(STUDY_CELLS)


use rule train_run as train_study_run with:
    input:
        **dict(rules.train_run.input.items()),
        # The selection is an input only where it decides the batch size or the learning rate.
        selection=lambda wildcards: (
            [rules.select_runs.output[0]] if SELECTED in (wildcards.batch_size, wildcards.learning_rate) else []
        ),
    output:
        **{name: f"{STUDY}/runs/{STUDY_GRID.wildcard_pattern}/{file}" for name, file in RUN_FILES.items()},
    log:
        f"{RESULTS}/logs/train_study_run/{STUDY_GRID.wildcard_pattern}.log",
    params:
        recipe=lambda wildcards: recipe_text(SETTINGS, dict(wildcards.items())),
        labels=len(SETTINGS.label_names),
        encoder=lambda wildcards, input: os.path.dirname(input.encoder[0]),
        folder=lambda wildcards, output: os.path.dirname(output.result),
        selection=lambda wildcards, input: (
            f"--selection {input.selection} --mode {wildcards.mode}" if input.selection else ""
        ),
        trains=module_digest("bitsweep.training.run"),
        results=lambda wildcards: RESULTS,
        code=fingerprint("train_run"),


use rule collect_runs as collect_study with:
    input:
        [study_runs(file) for file in ("result", "history", "costs", "predictions")],
        validation=f"{RESULTS}/tokens/validation.safetensors",
    output:
        table=f"{STUDY}/runs.csv",
        epochs=f"{STUDY}/epochs.csv",
        costs=f"{STUDY}/costs.csv",
    log:
        f"{RESULTS}/logs/collect_study.log",
    params:
        grids=json.dumps(study_grids(SETTINGS)),
        train_sizes=f"--train-sizes {' '.join(map(str, SETTINGS.study.train_size))}",
        runs=lambda wildcards, output: f"{os.path.dirname(output.table)}/runs",
        code=fingerprint("collect_runs"),


use rule select_runs as select_study with:
    input:
        rules.collect_study.output.table,
    output:
        f"{STUDY}/selection.json",
    log:
        f"{RESULTS}/logs/select_study.log",


use rule confirm_runs as confirm_study with:
    input:
        rules.collect_study.output.table,
    output:
        f"{STUDY}/complete.txt",
    log:
        f"{RESULTS}/logs/confirm_study.log",


rule evaluate_study:
    """Evaluate a mode's selected runs of every size on the test split."""
    input:
        selection=rules.select_study.output[0],
        weights=lambda wildcards: study_runs("weights", wildcards.mode),
        results=lambda wildcards: study_runs("result", wildcards.mode),
        encoder=multiext(f"{ENCODER}/", *MODEL_FILES),
        test=f"{RESULTS}/tokens/test.safetensors",
    output:
        scores=f"{STUDY}/evaluation/{{mode}}.json",
        predictions=f"{STUDY}/evaluation/{{mode}}.csv",
    log:
        f"{RESULTS}/logs/evaluate_study/{{mode}}.log",
    conda:
        "../envs/bitsweep.yaml"
    threads: SETTINGS.training.threads
    resources:
        mem_mb=lambda wildcards, attempt: RUN_RESOURCES.memory_mb({"batch_size": SELECTED}, attempt),
        runtime=lambda wildcards, attempt: RUN_RESOURCES.evaluation_minutes(len(STUDY_CELLS), attempt),
        gpu_percent=RUN_RESOURCES.gpu_percent(),
    params:
        runs=lambda wildcards, input: f"{os.path.dirname(input.selection)}/runs",
        encoder=lambda wildcards, input: os.path.dirname(input.encoder[0]),
        code=fingerprint("evaluate_study"),
    shell:
        "python -m scripts.evaluate_study --mode {wildcards.mode} --selection {input.selection:q}"
        " --runs {params.runs:q} --encoder {params.encoder:q} --test {input.test:q} --output {output.scores:q}"
        " --gpu-percent {resources.gpu_percent} --predictions {output.predictions:q} > {log:q} 2>&1"


rule summarize_study:
    """Put the study's numbers into its summary and its table."""
    input:
        runs=rules.collect_study.output.table,
        selection=rules.select_study.output[0],
        scores=expand(f"{STUDY}/evaluation/{{mode}}.json", mode=MODES),
        predictions=expand(f"{STUDY}/evaluation/{{mode}}.csv", mode=MODES),
    output:
        summary=f"{STUDY}/summary.json",
        table=f"{REPORT}/tables/study.csv",
        others=multiext(f"{REPORT}/tables/study.", "md", "tex"),
    log:
        f"{RESULTS}/logs/summarize_study.log",
    conda:
        "../envs/bitsweep.yaml"
    resources:
        # Predictions, and CHUNK resamples of the test examples (bitsweep/selection/bootstrap.py), are in memory.
        mem_mb=lambda wildcards, input, attempt: int(2000 + 30 * input.size_mb) * attempt,
        runtime=lambda wildcards, input, attempt: int(20 + input.size_mb) * attempt,
    params:
        modes=MODES,
        metric=SETTINGS.metric,
        code=fingerprint("summarize_study"),
    shell:
        "python -m scripts.summarize_study --modes {params.modes} --metric {params.metric} --runs {input.runs:q}"
        " --selection {input.selection:q} --scores {input.scores:q} --predictions {input.predictions:q}"
        " --summary {output.summary:q} --table {output.table:q} > {log:q} 2>&1"


rule plot_size:
    """Draw the test score of every mode over the size of its training set."""
    input:
        rules.summarize_study.output.summary,
    output:
        svg=report(
            f"{REPORT}/figures/score_by_size.svg",
            caption="../report/study.rst",
            category="Test",
            labels={"result": "test score by the size of the training set"},
        ),
        others=multiext(f"{REPORT}/figures/score_by_size.", "png", "json"),
    log:
        f"{RESULTS}/logs/plot_size.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        code=fingerprint("plot_size"),
    shell:
        "python -m scripts.plot_size --summary {input:q} --output {output.svg:q} > {log:q} 2>&1"
