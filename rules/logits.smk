# logits: a model's SimCC logits over a sample set. The stage that caches a teacher is the stage
# that evaluates a student. With `logits.jobs` over 1, each job writes its share of the shards, and
# seal_logits gathers them.
JOBS = CONFIG.logits.jobs
SHARE = f"{RESULTS}/logits/.shares/{{model}}/{{sampleset}}/{{share}}"
PART = "" if JOBS == 1 else "-{share}"


rule cache_logits:
    input:
        model=MODEL,
        samples=SAMPLES,
    output:
        LOGITS if JOBS == 1 else temp(touch(SHARE)),
    log:
        f"{LOGS}/cache_logits/{{model}}/{{sampleset}}{PART}.log",
    benchmark:
        f"{BENCHMARKS}/cache_logits/{{model}}/{{sampleset}}{PART}.tsv"
    wildcard_constraints:
        share=r"\d+",
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        mem_mb=run_memory,
        runtime=480,
        gpu=GPUS,
        device=DEVICE,
    params:
        batch=CONFIG.logits.batch,
        flip="" if CONFIG.logits.flip else "--no-flip",
        encoding=CONFIG.logits.encoding,
        chunk_rows=CONFIG.logits.chunk_rows,
        shard_rows=CONFIG.logits.shard_rows,
        model=lambda wildcards, input: str(Path(input.model).parent),
        samples=lambda wildcards, input: str(Path(input.samples).parent),
        views=view_options,
        job=job_options,
        out=logits_folder,
    shell:
        "stage cache_logits --model {params.model:q} --samples {params.samples:q}"
        " --batch {params.batch} {params.flip} --encoding {params.encoding}"
        " --chunk-rows {params.chunk_rows} --shard-rows {params.shard_rows} {params.views:q} {params.job}"
        " --device {resources.device} --threads {threads} --out {params.out:q} > {log:q} 2>&1"


if JOBS > 1:

    rule seal_logits:
        input:
            expand(SHARE, share=range(JOBS), allow_missing=True),
        output:
            LOGITS,
        log:
            f"{LOGS}/seal_logits/{{model}}/{{sampleset}}.log",
        benchmark:
            f"{BENCHMARKS}/seal_logits/{{model}}/{{sampleset}}.tsv"
        conda:
            "../envs/posecache.yaml"
        threads: 1
        resources:
            mem_mb=500,
            runtime=60,
        params:
            out=logits_folder,
        shell:
            "stage seal_logits --out {params.out:q} > {log:q} 2>&1"
