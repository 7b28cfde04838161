# samples: one person instance a row.
rule prepare_samples:
    input:
        annotations=lambda wildcards: CONFIG.samples[wildcards.sampleset].annotations,
        others=sample_files,
    output:
        SAMPLES,
    log:
        f"{LOGS}/prepare_samples/{{sampleset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_samples/{{sampleset}}.tsv"
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        format=lambda wildcards: CONFIG.samples[wildcards.sampleset].format,
        images=lambda wildcards: CONFIG.samples[wildcards.sampleset].images,
        skeleton=lambda wildcards: CONFIG.samples[wildcards.sampleset].skeleton,
        options=sample_options,
        chunk_rows=CONFIG.logits.chunk_rows,
        shard_rows=CONFIG.logits.shard_rows,
        out=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "stage prepare_samples --format {params.format} --annotations {input.annotations:q}"
        " --images {params.images:q} --skeleton {params.skeleton:q} {params.options:q}"
        " --chunk-rows {params.chunk_rows} --shard-rows {params.shard_rows}"
        " --threads {threads} --out {params.out:q} > {log:q} 2>&1"
