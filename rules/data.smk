# From the source to tokenized splits.
# Needs: the installed package or the Hub that the config names; the encoder's folder or the Hub.
# Makes: encoder/, data/{train,validation,test}.parquet, tokens/{train,validation,test}.safetensors
# Only fetch_data and fetch_encoder use the network, and only where the config names the Hub.


def official_test(option):
    """The official test split's file, where the data have one."""
    return {option: f"{RESULTS}/data/source/test.parquet"} if SETTINGS.data.source == "hub" else {}


def encoder_content():
    """The content of a local encoder's files, so that other weights under the same path are noticed."""
    if SETTINGS.encoder.source != "folder":
        return ""
    files = sorted(path for path in Path(SETTINGS.encoder.path).iterdir() if path.is_file())
    return canonical_json({path.name: sha256_file(path) for path in files if path.suffix != ".md"})


rule fetch_data:
    """Takes the labelled rows, and the official test split where there is one, from their source."""
    output:
        labelled=f"{RESULTS}/data/source/labelled.parquet",
        **official_test("official_test"),
    params:
        data=section("data"),
        official_test=lambda wildcards, output: (
            f"--official-test {output.official_test}" if SETTINGS.data.source == "hub" else ""
        ),
        code=code("fetch_data"),
    log:
        f"{RESULTS}/logs/fetch_data.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.fetch_data --data {params.data:q} --labelled {output.labelled:q} {params.official_test}"
        " > {log:q} 2>&1"


rule fetch_encoder:
    """Takes the pretrained encoder from its source into the one shape that later steps read."""
    output:
        multiext(f"{ENCODER}/", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    params:
        encoder=section("encoder"),
        content=encoder_content(),
        max_length=SETTINGS.max_length,
        folder=ENCODER,
        code=code("fetch_encoder"),
    log:
        f"{RESULTS}/logs/fetch_encoder.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.fetch_encoder --encoder {params.encoder:q} --max-length {params.max_length}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule split_data:
    """Splits the labelled rows as the reference does; the test rows are the official ones or held out."""
    input:
        labelled=rules.fetch_data.output.labelled,
        **official_test("official_test"),
    output:
        expand(f"{RESULTS}/data/{{split}}.parquet", split=["train", "validation", "test"]),
    params:
        official_test=lambda wildcards, input: (
            f"--official-test {input.official_test}" if SETTINGS.data.source == "hub" else ""
        ),
        held_out=SETTINGS.split.held_out,
        seed=SETTINGS.split.seed,
        label_names=canonical_json(SETTINGS.label_names),
        folder=f"{RESULTS}/data",
        code=code("split_data"),
    log:
        f"{RESULTS}/logs/split_data.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.split_data --labelled {input.labelled:q} {params.official_test}"
        " --held-out {params.held_out} --seed {params.seed} --label-names {params.label_names:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule tokenize_split:
    """Tokenizes one split, once for all runs."""
    input:
        rows=f"{RESULTS}/data/{{split}}.parquet",
        tokenizer=f"{ENCODER}/tokenizer.json",
    output:
        f"{RESULTS}/tokens/{{split}}.safetensors",
    params:
        limit=lambda wildcards: canonical_json(getattr(SETTINGS.limit, wildcards.split)),
        encoder=ENCODER,
        max_length=SETTINGS.max_length,
        code=code("tokenize_split"),
    log:
        f"{RESULTS}/logs/tokenize_split/{{split}}.log",
    conda:
        "../envs/bitsweep.yaml"
    shell:
        "python -m scripts.tokenize_split --rows {input.rows:q} --split {wildcards.split} --limit {params.limit}"
        " --encoder {params.encoder:q} --max-length {params.max_length} --output {output:q} > {log:q} 2>&1"
