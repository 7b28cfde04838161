# samples: one row per person instance.
rule prepare_samples:
    input:
        lambda wildcards: inputs("samples", wildcards.sampleset),
    output:
        update(SAMPLES),
    log:
        f"{LOGS}/prepare_samples/{{sampleset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_samples/{{sampleset}}.tsv"
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        scripts=SCRIPTS,
        mem_mb=1000,
        runtime=TIMES.of("samples", "sampleset"),
    params:
        options=lambda wildcards: STAGES.prepare_samples(wildcards.sampleset),
        record=lambda wildcards: record("samples", wildcards.sampleset),
        out=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "python {resources.scripts:q}/prepare_samples.py {params.options:q} --threads {threads}"
        " --out {params.out:q} --record {params.record:q} 2>&1 | tee -a {log:q}.history > {log:q}"
