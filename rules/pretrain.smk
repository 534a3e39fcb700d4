# Makes an encoder from texts without labels and from a larger one: the target `pretrain`.
# Needs: the section pretrain of the config, or configs/pretrain.yaml; what it names
# Makes: the encoder's folder (models/bert-tiny); on the way results/pretrain-<encoder>/

# The teacher reads the corpus in so many jobs: what is read is kept where the work is interrupted.
TEACHER_PARTS = 4


rule fetch_teacher:
    """Takes the teacher from its source into the one shape that later steps read."""
    output:
        multiext(f"{PRETRAIN}/teacher/", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    log:
        f"{PRETRAIN}/logs/fetch_teacher.log",
    conda:
        "../envs/bitsweep.yaml"
    params:
        teacher=lambda wildcards: teacher_text(PRETRAINING),
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        code=fingerprint("fetch_teacher"),
    shell:
        "python -m scripts.fetch_teacher --teacher {params.teacher:q} --output {params.folder:q} > {log:q} 2>&1"


rule read_corpus:
    """Reads and tokenizes the texts."""
    input:
        files=corpus_files(PRETRAINING),
        teacher=rules.fetch_teacher.output,
    output:
        f"{PRETRAIN}/corpus.safetensors",
    log:
        f"{PRETRAIN}/logs/read_corpus.log",
    conda:
        "../envs/bitsweep.yaml"
    resources:
        # Texts and tokens are in memory.
        mem_mb=lambda wildcards, attempt: int(2000 + 12 * corpus_mb(PRETRAINING)) * attempt,
        runtime=lambda wildcards, attempt: int(20 + corpus_mb(PRETRAINING)) * attempt,
    params:
        corpus=lambda wildcards: corpus_text(PRETRAINING),
        teacher=lambda wildcards, input: os.path.dirname(input.teacher[0]),
        positions=PRETRAINING.student.positions,
        code=fingerprint("read_corpus"),
    shell:
        "python -m scripts.read_corpus --corpus {params.corpus:q} --teacher {params.teacher:q}"
        " --positions {params.positions} --output {output:q} > {log:q} 2>&1"


rule code_documents:
    """Finds what the texts differ in, and codes each by it."""
    input:
        rules.read_corpus.output[0],
    output:
        f"{PRETRAIN}/codes.safetensors",
    log:
        f"{PRETRAIN}/logs/code_documents.log",
    conda:
        "../envs/bitsweep.yaml"
    resources:
        mem_mb=lambda wildcards, input, attempt: int(2000 + 100 * input.size_mb) * attempt,
    params:
        seed=PRETRAINING.seed,
        code=fingerprint("code_documents"),
    shell:
        "python -m scripts.code_documents --corpus {input:q} --seed {params.seed} --output {output:q} > {log:q} 2>&1"


rule project_teacher:
    """Finds the principal components of what the teacher says, and how this machine computes best."""
    input:
        teacher=rules.fetch_teacher.output,
        corpus=rules.read_corpus.output[0],
    output:
        projection=f"{PRETRAIN}/projection.safetensors",
        precision=f"{PRETRAIN}/precision.json",
    log:
        f"{PRETRAIN}/logs/project_teacher.log",
    conda:
        "../envs/bitsweep.yaml"
    resources:
        mem_mb=lambda wildcards, input, attempt: teaching_mb(input) * attempt,
        runtime=lambda wildcards, input, attempt: reading_minutes(input, 1, SAMPLE) * attempt,
    params:
        teacher=lambda wildcards, input: os.path.dirname(input.teacher[0]),
        drawing=f"--size {PRETRAINING.student.hidden_size} --seed {PRETRAINING.seed}",
        precision=PRETRAINING.precision,
        folder=lambda wildcards, output: os.path.dirname(output.projection),
        code=fingerprint("project_teacher"),
    shell:
        "python -m scripts.project_teacher --teacher {params.teacher:q} --corpus {input.corpus:q} {params.drawing}"
        " --precision {params.precision} --output {params.folder:q} > {log:q} 2>&1"


rule read_teacher:
    """Writes what the teacher says of the tokens of one part of the texts."""
    input:
        teacher=rules.fetch_teacher.output,
        corpus=rules.read_corpus.output[0],
        projection=rules.project_teacher.output.projection,
        precision=rules.project_teacher.output.precision,
    output:
        f"{PRETRAIN}/targets/{{part}}.safetensors",
    log:
        f"{PRETRAIN}/logs/read_teacher/{{part}}.log",
    conda:
        "../envs/bitsweep.yaml"
    resources:
        mem_mb=lambda wildcards, input, attempt: teaching_mb(input) * attempt,
        runtime=lambda wildcards, input, attempt: reading_minutes(input, TEACHER_PARTS) * attempt,
    params:
        teacher=lambda wildcards, input: os.path.dirname(input.teacher[0]),
        parts=TEACHER_PARTS,
        code=fingerprint("read_teacher"),
    shell:
        "python -m scripts.read_teacher --teacher {params.teacher:q} --corpus {input.corpus:q}"
        " --projection {input.projection:q} --precision {input.precision:q} --part {wildcards.part}"
        " --parts {params.parts} --output {output:q} > {log:q} 2>&1"


rule pretrain_student:
    """Pretrains the encoder; an interrupted one goes on at its checkpoint."""
    input:
        teacher=rules.fetch_teacher.output,
        corpus=rules.read_corpus.output[0],
        codes=rules.code_documents.output[0],
        targets=expand(f"{PRETRAIN}/targets/{{part}}.safetensors", part=range(TEACHER_PARTS)),
        precision=rules.project_teacher.output.precision,
    output:
        weights=f"{PRETRAIN}/student/student.safetensors",
        config=f"{PRETRAIN}/student/config.json",
        history=f"{PRETRAIN}/student/history.csv",
    log:
        f"{PRETRAIN}/logs/pretrain_student.log",
    conda:
        "../envs/bitsweep.yaml"
    threads: PRETRAINING.threads
    resources:
        mem_mb=lambda wildcards, input, attempt: int(4000 + 3 * input.size_mb) * attempt,
        runtime=lambda wildcards, attempt: 600 * attempt,
    params:
        student=lambda wildcards: canonical_json(PRETRAINING.student.model_dump()),
        teacher=lambda wildcards, input: os.path.dirname(input.teacher[0]),
        folder=lambda wildcards, output: os.path.dirname(output.weights),
        learning=f"--epochs {PRETRAINING.epochs} --learning-rate {PRETRAINING.learning_rate}",
        drawing=f"--seed {PRETRAINING.seed} --threads {PRETRAINING.threads}",
        code=fingerprint("pretrain_student"),
    shell:
        "python -m scripts.pretrain_student --student {params.student:q} --teacher {params.teacher:q}"
        " --corpus {input.corpus:q} --codes {input.codes:q} --targets {input.targets:q} --precision {input.precision:q}"
        " {params.learning} {params.drawing} --code {params.code}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule plot_pretraining:
    """Draws the losses."""
    input:
        rules.pretrain_student.output.history,
    output:
        svg=f"{PRETRAIN}/losses.svg",
        others=multiext(f"{PRETRAIN}/losses.", "png", "json"),
    log:
        f"{PRETRAIN}/logs/plot_pretraining.log",
    conda:
        "../envs/bitsweep.yaml"
    params:
        code=fingerprint("plot_pretraining"),
    shell:
        "python -m scripts.plot_pretraining --history {input:q} --output {output.svg:q} > {log:q} 2>&1"


rule write_student:
    """Writes the encoder's folder, with its model card."""
    input:
        student=rules.pretrain_student.output,
        teacher=rules.fetch_teacher.output,
        corpus=rules.read_corpus.output[0],
        codes=rules.code_documents.output[0],
        precision=rules.project_teacher.output.precision,
        judgement=[path for path in [f"{PRETRAINING.model}/judgement.json"] if os.path.exists(path)],
    output:
        # Each is replaced at once: the encoder of before is not deleted first, since experiments may have it.
        update(
            multiext(
                f"{PRETRAINING.model}/",
                "model.safetensors",
                "config.json",
                "tokenizer.json",
                "tokenizer_config.json",
                "README.md",
            )
        ),
    log:
        f"{PRETRAIN}/logs/write_student.log",
    conda:
        "../envs/bitsweep.yaml"
    params:
        settings=lambda wildcards: canonical_json(PRETRAINING.model_dump()),
        student=lambda wildcards, input: os.path.dirname(input.student[0]),
        teacher=lambda wildcards, input: os.path.dirname(input.teacher[0]),
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        code=fingerprint("write_student"),
    shell:
        "python -m scripts.write_student --settings {params.settings:q} --student {params.student:q}"
        " --teacher {params.teacher:q} --corpus {input.corpus:q} --codes {input.codes:q}"
        " --precision {input.precision:q} --judgement {input.judgement:q} --output {params.folder:q} > {log:q} 2>&1"
