# The selected classifiers to take home: the target `export`.
# Needs: selection.json, selection_price.json, evaluation/, precision.json, runs/, encoder/, tokens/, data/source/source.json
# Makes: export/<mode>/{config.json,model.safetensors,tokenizer.json,tokenizer_config.json,calibration.json,README.md}, and
#        delta.safetensors where a mode trains a part


from bitsweep.workflow.rule_params import export_text

# Modes that leave part of the encoder as it is: of their runs, the trained part alone can be taken home.
PARTIAL_MODES = [mode for mode in MODES if "all" not in SETTINGS.mode(mode).get("train", [])]


rule export_mode:
    """Write a mode's selected run as a folder that transformers loads, and compare it with its evaluation."""
    input:
        selection=rules.select_runs.output[0],
        results=lambda wildcards: runs_of([wildcards.mode], "result"),
        weights=lambda wildcards: runs_of([wildcards.mode], "weights"),
        encoder=multiext(f"{ENCODER}/", *ENCODER_FILES),
        validation=f"{RESULTS}/tokens/validation.safetensors",
        # Read after the evaluation, to see that the classifier that is taken home is the one that was evaluated.
        test=f"{RESULTS}/tokens/test.safetensors",
        predictions=rules.evaluate_mode.output.predictions,
    output:
        config=f"{EXPORT}/{{mode}}/config.json",
        others=multiext(f"{EXPORT}/{{mode}}/", *EXPORTED[1:]),
    log:
        f"{RESULTS}/logs/export_mode/{{mode}}.log",
    conda:
        "../envs/bitsweep.yaml"
    threads: SETTINGS.training.threads
    resources:
        mem_mb=lambda wildcards, attempt: RUN_RESOURCES.memory_mb({"batch_size": SELECTED}, attempt),
        runtime=lambda wildcards, attempt: RUN_RESOURCES.evaluation_minutes(2, attempt),
        gpu_percent=RUN_RESOURCES.gpu_percent(),
    params:
        # From a function, since Snakemake would look for wildcards in what is written here.
        label_names=lambda wildcards: canonical_json(SETTINGS.label_names),
        max_length=SETTINGS.max_length,
        runs=lambda wildcards, input: f"{os.path.dirname(input.selection)}/runs",
        encoder=lambda wildcards, input: os.path.dirname(input.encoder[0]),
        folder=lambda wildcards, output: os.path.dirname(output.config),
        code=fingerprint("export_mode"),
    shell:
        "python -m scripts.export_mode --mode {wildcards.mode} --label-names {params.label_names:q}"
        " --max-length {params.max_length} --selection {input.selection:q} --runs {params.runs:q}"
        " --encoder {params.encoder:q} --validation {input.validation:q} --test {input.test:q}"
        " --predictions {input.predictions:q} --gpu-percent {resources.gpu_percent} --output {params.folder:q}"
        " > {log:q} 2>&1"


rule export_delta:
    """Write what a mode's selected run adds to the pretrained encoder."""
    input:
        selection=rules.select_runs.output[0],
        results=lambda wildcards: runs_of([wildcards.mode], "result"),
        weights=lambda wildcards: runs_of([wildcards.mode], "weights"),
        encoder=multiext(f"{ENCODER}/", *MODEL_FILES),
    output:
        f"{EXPORT}/{{mode}}/delta.safetensors",
    log:
        f"{RESULTS}/logs/export_delta/{{mode}}.log",
    conda:
        "../envs/bitsweep.yaml"
    params:
        runs=lambda wildcards, input: f"{os.path.dirname(input.selection)}/runs",
        encoder=lambda wildcards, input: os.path.dirname(input.encoder[0]),
        code=fingerprint("export_delta"),
    shell:
        "python -m scripts.export_delta --mode {wildcards.mode} --selection {input.selection:q} --runs {params.runs:q}"
        " --encoder {params.encoder:q} --output {output:q} > {log:q} 2>&1"


rule export_card:
    """Write the model card of an exported classifier."""
    input:
        results=lambda wildcards: runs_of([wildcards.mode], "result"),
        selection=rules.select_runs.output[0],
        prices=rules.price_selection.output[0],
        scores=rules.evaluate_mode.output.scores,
        predictions=rules.evaluate_mode.output.predictions,
        precision=rules.choose_precision.output[0],
        train=f"{RESULTS}/tokens/train.safetensors",
        calibration=f"{EXPORT}/{{mode}}/calibration.json",
        source=f"{RESULTS}/data/source/source.json",
    output:
        f"{EXPORT}/{{mode}}/README.md",
    log:
        f"{RESULTS}/logs/export_card/{{mode}}.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        experiment=lambda wildcards: export_text(SETTINGS, wildcards.mode),
        pinned=f"{ENCODER}/pinned.json",
        runs=lambda wildcards, input: f"{os.path.dirname(input.selection)}/runs",
        code=fingerprint("export_card"),
    shell:
        "python -m scripts.export_card --mode {wildcards.mode} --experiment {params.experiment:q}"
        " --selection {input.selection:q} --prices {input.prices:q} --scores {input.scores:q}"
        " --predictions {input.predictions:q} --precision {input.precision:q} --runs {params.runs:q}"
        " --train {input.train:q} --calibration {input.calibration:q} --source {input.source:q}"
        " --pinned {params.pinned:q} --output {output:q} > {log:q} 2>&1"


rule convert_mode:
    """Write an exported classifier as ONNX, checked in onnxruntime; this takes what requirements-onnx.txt names."""
    input:
        classifier=rules.export_mode.output,
        test=f"{RESULTS}/tokens/test.safetensors",
    output:
        f"{EXPORT}/{{mode}}/model.onnx",
    log:
        f"{RESULTS}/logs/convert_mode/{{mode}}.log",
    conda:
        "../envs/bitsweep.yaml"
    params:
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        code=fingerprint("convert_mode"),
    shell:
        "python -m scripts.convert_mode --classifier {params.folder:q} --test {input.test:q} --output {output:q}"
        " > {log:q} 2>&1"
