# From the source to tokenized splits.
# Needs: the installed package, files, addresses or the Hub that the config names; the encoder's folder or the Hub.
# Makes: encoder/, data/source/, data/{train,validation,test}.parquet, data/rows.json, data/examination.json, tokens/, checked/<mode>.txt
# Lines of a log that begin with "Note: " are shown on the terminal too.
# Only fetch_data and fetch_encoder use the network, and only where the config names addresses or the Hub.

from bitsweep.workflow.rule_params import official_splits

# The source's own validation and test splits, besides the labelled rows.
OFFICIAL = [f"{RESULTS}/data/source/{split}.parquet" for split in official_splits(SETTINGS)]


rule fetch_data:
    """Fetch the labelled rows from their source, and its own other splits where it has some."""
    input:
        local_files(SETTINGS),
    output:
        f"{RESULTS}/data/source/source.json",
        labelled=f"{RESULTS}/data/source/labelled.parquet",
        official=OFFICIAL,
    log:
        f"{RESULTS}/logs/fetch_data.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        data=lambda wildcards: DATA_TEXT,
        labels=len(SETTINGS.label_names),
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        code=fingerprint("fetch_data"),
    shell:
        "python -m scripts.fetch_data --data {params.data:q} --labels {params.labels} --output {params.folder:q}"
        " > {log:q} 2>&1 && {{ grep '^Note: ' {log:q} >&2 || true; }}"


rule fetch_encoder:
    """Fetch the pretrained encoder from its source, in the one format that later steps read."""
    output:
        multiext(f"{ENCODER}/", *ENCODER_FILES),
    log:
        f"{RESULTS}/logs/fetch_encoder.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        encoder=lambda wildcards: ENCODER_TEXT,
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        code=fingerprint("fetch_encoder"),
    shell:
        "python -m scripts.fetch_encoder --encoder {params.encoder:q} --output {params.folder:q} > {log:q} 2>&1"


rule split_data:
    """Split the labelled rows as the reference does; a split that the source lacks is held out."""
    input:
        labelled=rules.fetch_data.output.labelled,
        official=OFFICIAL,
    output:
        expand(f"{RESULTS}/data/{{split}}.parquet", split=SPLITS),
        counts=f"{RESULTS}/data/rows.json",
    log:
        f"{RESULTS}/logs/split_data.log",
    localrule: True
    conda:
        "../envs/bitsweep.yaml"
    params:
        held_out=SETTINGS.split.held_out,
        seed=SETTINGS.split.seed,
        stratified="--stratified" if SETTINGS.split.stratified else "",
        rows_of=SPLIT_KEY,
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        code=fingerprint("split_data"),
    shell:
        "python -m scripts.split_data --labelled {input.labelled:q} --official {input.official:q}"
        " --held-out {params.held_out} --seed {params.seed} {params.stratified} --rows-of {params.rows_of}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule tokenize_split:
    """Tokenize one split, once for all runs."""
    input:
        rows=f"{RESULTS}/data/{{split}}.parquet",
        tokenizer=f"{ENCODER}/tokenizer.json",
    output:
        f"{RESULTS}/tokens/{{split}}.safetensors",
    log:
        f"{RESULTS}/logs/tokenize_split/{{split}}.log",
    conda:
        "../envs/bitsweep.yaml"
    resources:
        # Texts and tokens are in memory.
        mem_mb=lambda wildcards, input, attempt: int(2000 + 12 * input.size_mb) * attempt,
        runtime=lambda wildcards, input, attempt: int(20 + input.size_mb) * attempt,
    params:
        # Whether unreadable texts are allowed is no param: jobs/environment.py says why.
        limit=lambda wildcards: canonical_json(getattr(SETTINGS.limit, wildcards.split)),
        encoder=lambda wildcards, input: os.path.dirname(input.tokenizer),
        max_length=SETTINGS.max_length,
        labels=len(SETTINGS.label_names),
        code=fingerprint("tokenize_split"),
    shell:
        "python -m scripts.tokenize_split --rows {input.rows:q} --split {wildcards.split} --limit {params.limit}"
        " --encoder {params.encoder:q} --max-length {params.max_length} --labels {params.labels}"
        ' --allow-unreadable "$BITSWEEP_ALLOW_UNREADABLE" --output {output:q} > {log:q} 2>&1'
        " && {{ grep '^Note: ' {log:q} >&2 || true; }}"


rule examine_data:
    """Examine all splits, for the report alone: rows that cannot be used have stopped earlier rules."""
    input:
        rows=expand(f"{RESULTS}/data/{{split}}.parquet", split=SPLITS),
        tokenizer=f"{ENCODER}/tokenizer.json",
    output:
        f"{RESULTS}/data/examination.json",
    log:
        f"{RESULTS}/logs/examine_data.log",
    # This runs before any training, so that one can look at the result.
    priority: 100
    conda:
        "../envs/bitsweep.yaml"
    resources:
        # Texts and tokens are in memory.
        mem_mb=lambda wildcards, input, attempt: int(2000 + 12 * input.size_mb) * attempt,
        runtime=lambda wildcards, input, attempt: int(20 + input.size_mb) * attempt,
    params:
        limits=lambda wildcards: canonical_json(SETTINGS.limit.model_dump()),
        encoder=lambda wildcards, input: os.path.dirname(input.tokenizer),
        max_length=SETTINGS.max_length,
        labels=len(SETTINGS.label_names),
        code=fingerprint("examine_data"),
    shell:
        "python -m scripts.examine_data --rows {input.rows:q} --limits {params.limits:q} --encoder {params.encoder:q}"
        " --max-length {params.max_length} --labels {params.labels} --output {output:q} > {log:q} 2>&1"


rule check_mode:
    """Check for a mode what the config alone does not show, so that no mistake shows only after its training."""
    input:
        rows=rules.split_data.output.counts,
        encoder=multiext(f"{ENCODER}/", *ENCODER_FILES[:3]),
        precision=f"{RESULTS}/precision.json",
    output:
        f"{RESULTS}/checked/{{mode}}.txt",
    log:
        f"{RESULTS}/logs/check_mode/{{mode}}.log",
    # All modes are checked before the runs of any.
    priority: 100
    conda:
        "../envs/bitsweep.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: RUN_RESOURCES.memory_mb({"batch_size": "8"}, attempt),
    params:
        # The limits are no param: jobs/environment.py says why. Where rows and limits are known, they are checked
        # before any job (workflow/known_rows.py).
        trains=lambda wildcards: canonical_json(SETTINGS.mode(wildcards.mode)),
        encoder=lambda wildcards, input: os.path.dirname(input.encoder[0]),
        max_length=SETTINGS.max_length,
        labels=len(SETTINGS.label_names),
        code=fingerprint("check_mode"),
    shell:
        "python -m scripts.check_mode --mode {wildcards.mode} --trains {params.trains:q} --rows {input.rows:q}"
        ' --limits "$BITSWEEP_LIMITS"'
        " --encoder {params.encoder:q} --max-length {params.max_length} --labels {params.labels}"
        " --precision {input.precision:q} --output {output:q} > {log:q} 2>&1"
