# models that are trained here: students, and teachers whose entry says `train`. Teachers first, as
# their logits are waited for.
def training_samples(wildcards):
    return expand(SAMPLES, sampleset=CONFIG.trained[wildcards.model].samples)


def teacher_logits(wildcards):
    student = CONFIG.students.get(wildcards.model)
    if student is None or student.distil is None:
        return []
    return expand(
        LOGITS, model=list(student.distil.teachers), sampleset=student.samples
    )


def distil_options(wildcards):
    student = CONFIG.students.get(wildcards.model)
    if student is None or student.distil is None:
        return []
    distil = student.distil
    teachers = [f"{name}={beta}" for name, beta in distil.teachers.items()]
    return [
        "--teachers",
        *teachers,
        "--alpha",
        str(distil.alpha),
        "--mode",
        distil.mode,
    ]


rule train_student:
    input:
        samples=training_samples,
        logits=teacher_logits,
    output:
        MODEL,
    log:
        f"{LOGS}/train_student/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/train_student/{{model}}.tsv"
    wildcard_constraints:
        model="|".join(CONFIG.students),
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        mem_mb=MEMORY_MB + 1500,
        runtime=4320,
        gpu=GPUS,
    params:
        distil=distil_options,
        recipe=lambda wildcards: list(
            posecache_recipe.to_options(CONFIG.recipe(CONFIG.trained[wildcards.model]))
        ),
        chunk_rows=CONFIG.logits.chunk_rows,
        samples=lambda wildcards, input: [
            str(Path(path).parent) for path in input.samples
        ],
        logits=f"{RESULTS}/logits",
        out=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "{STAGE}/train_student.py --name {wildcards.model} --samples {params.samples:q}"
        " --logits {params.logits:q} {params.distil:q} --chunk-rows {params.chunk_rows}"
        " --memory-mb {MEMORY_MB} --device {DEVICE} --threads {threads}"
        " --out {params.out:q} {params.recipe:q} > {log:q} 2>&1"


use rule train_student as train_teacher with:
    wildcard_constraints:
        model="|".join(set(CONFIG.trained) - set(CONFIG.students)) or "$^",
    priority: 1
