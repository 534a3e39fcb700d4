# Tables, figures and prose.
# Needs: runs.csv, epochs.csv, selection.json, evaluation/, comparison.json
# Makes: report/{index.html,report.md,summary.json}, report/tables/, report/figures/

TABLES = ["encoder_input", "grid", "validation", "runs", "test"]
FIGURES = ["learning_curves", *(f"heatmap_{mode}" for mode in MODES)]


def experiment():
    """What the report says of the config, as one canonical param."""
    data, encoder = SETTINGS.data, SETTINGS.encoder
    if data.source == "package":
        chosen = "".join(f", {column} = {value}" for column, value in sorted(data.where.items()))
        described = f"package {data.package} {data.version}{chosen}"
    else:
        described = f"{data.name} at {data.revision}"
    return canonical_json(
        {
            "name": SETTINGS.experiment,
            "data": described,
            "test_split": "official" if data.source == "hub" else "held_out",
            "encoder": encoder.path if encoder.source == "folder" else f"{encoder.name} at {encoder.revision}",
            "max_length": SETTINGS.max_length,
            "label_names": SETTINGS.label_names,
            "split": SETTINGS.split.model_dump(),
            "grid": SETTINGS.grid.model_dump(),
            "grid_source": SETTINGS.grid_source,
            "training": SETTINGS.training.model_dump(),
        }
    )


rule describe_input:
    """Shows what the encoder reads, token by token."""
    input:
        rows=f"{RESULTS}/data/train.parquet",
        tokenizer=f"{ENCODER}/tokenizer.json",
    output:
        f"{REPORT}/tables/encoder_input.csv",
        f"{REPORT}/tables/encoder_input.md",
    params:
        encoder=ENCODER,
        max_length=SETTINGS.max_length,
        code=code("describe_input"),
    log:
        f"{RESULTS}/logs/describe_input.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.describe_input --encoder {params.encoder:q} --max-length {params.max_length}"
        " --rows {input.rows:q} --output {output[0]:q} > {log:q} 2>&1"


rule plot_heatmap:
    """Draws a mode's validation accuracy over batch size and learning rate."""
    input:
        runs=rules.collect_runs.output.table,
        selection=rules.select_runs.output,
    output:
        svg=f"{REPORT}/figures/heatmap_{{mode}}.svg",
        png=f"{REPORT}/figures/heatmap_{{mode}}.png",
    params:
        code=code("plot_heatmap"),
    log:
        f"{RESULTS}/logs/plot_heatmap/{{mode}}.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.plot_heatmap --mode {wildcards.mode} --runs {input.runs:q} --selection {input.selection:q}"
        " --svg {output.svg:q} --png {output.png:q} > {log:q} 2>&1"


rule plot_learning_curves:
    """Draws the validation accuracy of all runs over their epochs."""
    input:
        epochs=rules.collect_runs.output.epochs,
        selection=rules.select_runs.output,
    output:
        svg=f"{REPORT}/figures/learning_curves.svg",
        png=f"{REPORT}/figures/learning_curves.png",
    params:
        code=code("plot_learning_curves"),
    log:
        f"{RESULTS}/logs/plot_learning_curves.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.plot_learning_curves --epochs {input.epochs:q} --selection {input.selection:q}"
        " --svg {output.svg:q} --png {output.png:q} > {log:q} 2>&1"


rule summarize:
    """Puts the experiment's numbers into summary.json and the report's tables."""
    input:
        runs=rules.collect_runs.output.table,
        selection=rules.select_runs.output,
        evaluations=expand(rules.evaluate_mode.output.scores, mode=MODES),
        comparison=rules.compare_modes.output,
        precision=rules.choose_precision.output,
        tokens=expand(f"{RESULTS}/tokens/{{split}}.safetensors", split=["train", "validation", "test"]),
    output:
        f"{REPORT}/summary.json",
        expand(
            f"{REPORT}/tables/{{table}}.{{suffix}}",
            table=[table for table in TABLES if table != "encoder_input"],
            suffix=["csv", "md"],
        ),
    params:
        experiment=experiment(),
        runs=RUNS,
        folder=REPORT,
        code=code("summarize"),
    log:
        f"{RESULTS}/logs/summarize.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.summarize --experiment {params.experiment:q} --runs {params.runs:q} --table {input.runs:q}"
        " --selection {input.selection:q} --evaluations {input.evaluations:q} --comparison {input.comparison:q}"
        " --precision {input.precision:q} --tokens {input.tokens:q} --output {params.folder:q} > {log:q} 2>&1"


rule write_report:
    """Writes the report as Markdown and as one HTML page."""
    input:
        rules.summarize.output,
        rules.describe_input.output,
        expand(f"{REPORT}/figures/{{figure}}.{{suffix}}", figure=FIGURES, suffix=["svg", "png"]),
    output:
        f"{REPORT}/report.md",
        f"{REPORT}/index.html",
    params:
        folder=REPORT,
        code=code("write_report", "bitsweep/report.css"),
    log:
        f"{RESULTS}/logs/write_report.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.write_report --report {params.folder:q} > {log:q} 2>&1"
