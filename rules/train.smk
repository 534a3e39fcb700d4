# The runs of the grid.
# Needs: encoder/, tokens/train.safetensors, tokens/validation.safetensors; never the test split
# Makes: precision.json, runs/<run>/{history.csv,result.json,weights.safetensors}


def recipe(wildcards):
    """What a run depends on besides its data, as one canonical param."""
    training = SETTINGS.training
    return canonical_json(
        {
            "mode": wildcards.mode,
            "batch_size": int(wildcards.batch_size),
            "learning_rate": float(wildcards.learning_rate),
            "seed": int(wildcards.seed),
            "epochs": training.epochs,
            "weight_decay": training.weight_decay,
            "max_grad_norm": training.max_grad_norm,
            "threads": training.threads,
        }
    )


rule choose_precision:
    """Decides once, for all runs of the experiment, where and in which number format they train."""
    output:
        f"{RESULTS}/precision.json",
    params:
        precision=SETTINGS.training.precision,
        device=SETTINGS.training.device,
        code=code("choose_precision"),
    log:
        f"{RESULTS}/logs/choose_precision.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.choose_precision --precision {params.precision} --device {params.device}"
        " --output {output:q} > {log:q} 2>&1"


rule train_run:
    """Trains one run and keeps the parameters that it trained, at the epoch with the best validation accuracy."""
    input:
        encoder=multiext(f"{ENCODER}/", "config.json", "model.safetensors"),
        train=f"{RESULTS}/tokens/train.safetensors",
        validation=f"{RESULTS}/tokens/validation.safetensors",
        precision=rules.choose_precision.output,
    output:
        history=f"{RUNS}/{GRID.wildcard_pattern}/history.csv",
        result=f"{RUNS}/{GRID.wildcard_pattern}/result.json",
        weights=f"{RUNS}/{GRID.wildcard_pattern}/weights.safetensors",
    params:
        recipe=recipe,
        labels=len(SETTINGS.label_names),
        encoder=ENCODER,
        folder=f"{RUNS}/{GRID.wildcard_pattern}",
        code=code("train_run"),
    log:
        f"{RESULTS}/logs/train_run/{GRID.wildcard_pattern}.log",
    threads: SETTINGS.training.threads
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.train_run --recipe {params.recipe:q} --labels {params.labels} --encoder {params.encoder:q}"
        " --train {input.train:q} --validation {input.validation:q} --precision {input.precision:q}"
        " --output {params.folder:q} > {log:q} 2>&1"
