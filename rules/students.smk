# models that are trained here: students, and teachers whose entry says `train`. Teachers
# have priority, as students wait for their logits.
rule train_student:
    input:
        samples=training_samples,
        logits=teacher_logits,
        init=init_input,
    output:
        MODEL,
    log:
        f"{LOGS}/train_student/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/train_student/{{model}}.tsv"
    wildcard_constraints:
        model=any_of(CONFIG.students),
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        scripts=SCRIPTS,
        mem_mb=lambda wildcards: memory.training_mb(CONFIG, wildcards.model),
        runtime=4320,
        gpu=GPUS,
        device=DEVICE,
        cache_mb=CONFIG.compute.memory_mb,
    params:
        options=lambda wildcards: STAGES.train_student(wildcards.model),
        out=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "python {resources.scripts:q}/train_student.py {params.options:q} --memory-mb {resources.cache_mb}"
        " --device {resources.device} --threads {threads} --out {params.out:q} > {log:q} 2>&1"


use rule train_student as train_teacher with:
    wildcard_constraints:
        model=any_of(set(CONFIG.teachers) - set(CONFIG.imported)),
    priority: 1
