# Tables, figures and prose.
# Needs: data/examination.json, data/source/source.json, runs.csv, epochs.csv, costs.csv, selection.json, selection_price.json, evaluation/, comparison.json, tokens/
# Makes: report/{index.html,report.md,summary.json}, report/tables/, report/figures/
# Files that are marked by report() are in `snakemake --report`, under their category, with their caption from ../report/.


from bitsweep.workflow.rule_params import experiment_text


rule describe_input:
    """Show what the encoder reads, token by token."""
    input:
        rows=f"{RESULTS}/data/train.parquet",
        tokenizer=f"{ENCODER}/tokenizer.json",
    output:
        csv=report(
            f"{REPORT}/tables/encoder_input.csv",
            caption="../report/encoder_input.rst",
            category="Data",
            labels={"result": "what the encoder reads"},
        ),
        markdown=f"{REPORT}/tables/encoder_input.md",
        latex=f"{REPORT}/tables/encoder_input.tex",
    log:
        f"{RESULTS}/logs/describe_input.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        encoder=lambda wildcards, input: os.path.dirname(input.tokenizer),
        max_length=SETTINGS.max_length,
        code=fingerprint("describe_input"),
    shell:
        "python -m scripts.describe_input --encoder {params.encoder:q} --max-length {params.max_length}"
        " --rows {input.rows:q} --output {output.csv:q} > {log:q} 2>&1"


rule plot_heatmap:
    """Draw a mode's validation scores over batch size and learning rate."""
    input:
        runs=rules.collect_runs.output.table,
        selection=rules.select_runs.output[0],
    output:
        svg=report(
            f"{REPORT}/figures/heatmap_{{mode}}.svg",
            caption="../report/heatmap.rst",
            category="Validation",
            labels={"result": "heat map of {mode}"},
        ),
        png=f"{REPORT}/figures/heatmap_{{mode}}.png",
        chart=f"{REPORT}/figures/heatmap_{{mode}}.json",
    log:
        f"{RESULTS}/logs/plot_heatmap/{{mode}}.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        metric=SETTINGS.metric,
        code=fingerprint("plot_heatmap"),
    shell:
        "python -m scripts.plot_heatmap --mode {wildcards.mode} --runs {input.runs:q} --selection {input.selection:q}"
        " --metric {params.metric} --output {output.svg:q} > {log:q} 2>&1"


rule plot_learning_curves:
    """Draw the validation scores of all runs over their epochs."""
    input:
        epochs=rules.collect_runs.output.epochs,
        selection=rules.select_runs.output[0],
    output:
        svg=report(
            f"{REPORT}/figures/learning_curves.svg",
            caption="../report/learning_curves.rst",
            category="Validation",
            labels={"result": "learning curves"},
        ),
        png=f"{REPORT}/figures/learning_curves.png",
        chart=f"{REPORT}/figures/learning_curves.json",
    log:
        f"{RESULTS}/logs/plot_learning_curves.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        metric=SETTINGS.metric,
        code=fingerprint("plot_learning_curves"),
    shell:
        "python -m scripts.plot_learning_curves --epochs {input.epochs:q} --selection {input.selection:q}"
        " --metric {params.metric} --output {output.svg:q} > {log:q} 2>&1"


rule plot_modes:
    """Draw what the modes cost and reach, and the differences between them."""
    input:
        f"{REPORT}/summary.json",
    output:
        costs=report(
            f"{REPORT}/figures/costs.svg",
            caption="../report/modes.rst",
            category="Costs",
            labels={"result": "test score against trainable parameters"},
        ),
        differences=report(
            f"{REPORT}/figures/differences.svg",
            caption="../report/differences.rst",
            category="Test",
            labels={"result": "differences between modes"},
        ),
        others=expand(
            f"{REPORT}/figures/{{figure}}.{{suffix}}", figure=["costs", "differences"], suffix=FIGURE_FORMATS[1:]
        ),
    log:
        f"{RESULTS}/logs/plot_modes.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        code=fingerprint("plot_modes"),
    shell:
        "python -m scripts.plot_modes --summary {input:q} --costs {output.costs:q} --differences {output.differences:q}"
        " > {log:q} 2>&1"


rule summarize:
    """Put the experiment's numbers into summary.json and the report's tables."""
    input:
        runs=rules.collect_runs.output.table,
        selection=rules.select_runs.output[0],
        prices=rules.price_selection.output[0],
        evaluations=expand(f"{RESULTS}/evaluation/{{mode}}.json", mode=MODES),
        comparison=rules.compare_modes.output[0],
        costs=rules.collect_runs.output.costs,
        precision=rules.choose_precision.output[0],
        tokens=expand(f"{RESULTS}/tokens/{{split}}.safetensors", split=SPLITS),
        examination=rules.examine_data.output[0],
        source=f"{RESULTS}/data/source/source.json",
    output:
        f"{REPORT}/summary.json",
        [reported_table(table) for table in SUMMARY_TABLES],
        expand(f"{REPORT}/tables/{{table}}.{{suffix}}", table=SUMMARY_TABLES, suffix=TABLE_FORMATS[1:]),
    log:
        f"{RESULTS}/logs/summarize.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        experiment=lambda wildcards: experiment_text(SETTINGS),
        # This file is no input: the commit that was taken makes nothing stale.
        pinned=f"{ENCODER}/pinned.json",
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        code=fingerprint("summarize"),
    shell:
        "python -m scripts.summarize --experiment {params.experiment:q} --runs {input.runs:q}"
        " --costs {input.costs:q} --selection {input.selection:q}"
        " --prices {input.prices:q} --evaluations {input.evaluations:q} --comparison {input.comparison:q}"
        " --precision {input.precision:q} --tokens {input.tokens:q} --examination {input.examination:q} --source {input.source:q}"
        " --pinned {params.pinned:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule write_report:
    """Write the report as Markdown and as one HTML page."""
    input:
        rules.summarize.output,
        rules.describe_input.output,
        expand(f"{REPORT}/figures/{{figure}}.{{suffix}}", figure=FIGURES, suffix=FIGURE_FORMATS),
        study=study_of_report,
    output:
        f"{REPORT}/report.md",
        report(
            f"{REPORT}/index.html",
            caption="../report/page.rst",
            category="The report",
            labels={"result": "the whole report as a page"},
        ),
    log:
        f"{RESULTS}/logs/write_report.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        study=lambda wildcards, input: f"--study {input.study[0]}" if input.study else "",
        code=fingerprint("write_report", "bitsweep/report/page.css", "bitsweep/report/page.js"),
    shell:
        "python -m scripts.write_report --report {params.folder:q} {params.study} > {log:q} 2>&1"
