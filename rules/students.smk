# models that are trained here: students, and teachers whose entry says `train`. Teachers first, as
# their logits are waited for.
rule train_student:
    input:
        samples=training_samples,
        logits=teacher_logits,
        init=init_file,
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
        mem_mb=training_memory,
        runtime=4320,
        gpu=GPUS,
        device=DEVICE,
        cache_mb=MEMORY_MB,
    params:
        distil=distil_options,
        init=init_options,
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
        "stage train_student --name {wildcards.model} --samples {params.samples:q}"
        " --logits {params.logits:q} {params.distil:q} {params.init:q} --chunk-rows {params.chunk_rows}"
        " --memory-mb {resources.cache_mb} --device {resources.device} --threads {threads}"
        " --out {params.out:q} {params.recipe:q} > {log:q} 2>&1"


use rule train_student as train_teacher with:
    wildcard_constraints:
        model="|".join(name for name, t in CONFIG.teachers.items() if t.train) or "$^",
    priority: 1
