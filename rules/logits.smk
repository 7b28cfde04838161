# logits: a model's SimCC logits over a sample set. The stage that caches a teacher is the stage
# that evaluates a student.
rule cache_logits:
    input:
        model=MODEL,
        samples=SAMPLES,
    output:
        LOGITS,
    log:
        f"{LOGS}/cache_logits/{{model}}/{{sampleset}}.log",
    benchmark:
        f"{BENCHMARKS}/cache_logits/{{model}}/{{sampleset}}.tsv"
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        mem_mb=1000,
        runtime=480,
        gpu=GPUS,
        device=DEVICE,
    params:
        batch=CONFIG.logits.batch,
        flip="" if CONFIG.logits.flip else "--no-flip",
        dtype=CONFIG.logits.dtype,
        chunk_rows=CONFIG.logits.chunk_rows,
        shard_rows=CONFIG.logits.shard_rows,
        model=lambda wildcards, input: str(Path(input.model).parent),
        samples=lambda wildcards, input: str(Path(input.samples).parent),
        out=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "stage cache_logits --model {params.model:q} --samples {params.samples:q}"
        " --batch {params.batch} {params.flip} --dtype {params.dtype}"
        " --chunk-rows {params.chunk_rows} --shard-rows {params.shard_rows}"
        " --device {resources.device} --threads {threads} --out {params.out:q} > {log:q} 2>&1"
