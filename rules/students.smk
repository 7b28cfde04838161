# models that are trained here: students, and teachers whose entry says `train`. Teachers
# have priority, as students wait for their logits.
rule train_student:
    input:
        lambda wildcards: inputs("model", wildcards.model),
    output:
        update(MODEL),
    log:
        f"{LOGS}/train_student/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/train_student/{{model}}.tsv"
    wildcard_constraints:
        model=any_of(CONFIG.runs),
    conda:
        "../envs/posecache.yaml"
    threads: lambda wildcards: THREADS * CONFIG.gpus(wildcards.model)
    resources:
        scripts=SCRIPTS,
        mem_mb=lambda wildcards: memory.training_mb(CONFIG, wildcards.model),
        runtime=TIMES.of("model", "model"),
        gpu=lambda wildcards: CONFIG.compute.asked_gpu(CONFIG.gpus(wildcards.model)),
        gres=lambda wildcards: CONFIG.compute.asked_gres(CONFIG.gpus(wildcards.model)),
        device=DEVICE,
        compile=str(CONFIG.compute.compile).lower(),
        processes=lambda wildcards: CONFIG.gpus(wildcards.model),
        # On Slurm a job is one task on one node, which starts the processes itself.
        nodes=1,
        tasks_per_gpu=lambda wildcards: int(CONFIG.gpus(wildcards.model) == 1),
        cpus_per_gpu=THREADS,
        cache_mb=CONFIG.compute.memory_mb,
        pictures=CONFIG.compute.pictures,
    params:
        options=lambda wildcards: STAGES.train_student(wildcards.model),
        record=lambda wildcards: record("model", wildcards.model),
        out=lambda wildcards, output: str(Path(output[0]).parent),
    # A cluster signals all of a job's processes at once: the shell and tee outlive the training.
    shell:
        "trap : TERM USR1; "
        "python {resources.scripts:q}/train_student.py {params.options:q} --memory-mb {resources.cache_mb}"
        " --pictures {resources.pictures} --device {resources.device}"
        " --gpus {resources.processes} --compile {resources.compile}"
        " --threads {threads} --out {params.out:q}"
        " --record {params.record:q} 2>&1"
        " | (trap '' TERM USR1; exec tee -a {log:q}.history > {log:q})"


use rule train_student as train_teacher with:
    wildcard_constraints:
        model=any_of(set(CONFIG.trained) - set(CONFIG.runs)),
    priority: 1
