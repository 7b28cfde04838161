# scores: a model's metrics on a benchmark, from its logits.
rule score:
    input:
        logits=benchmark_logits,
        samples=benchmark_samples,
    output:
        SCORE,
    log:
        f"{LOGS}/score/{{model}}/{{benchmark}}.log",
    benchmark:
        f"{BENCHMARKS}/score/{{model}}/{{benchmark}}.tsv"
    conda:
        "../envs/posecache.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        options=benchmark_options,
        logits=lambda wildcards, input: str(Path(input.logits[0]).parent),
        samples=lambda wildcards, input: str(Path(input.samples[0]).parent),
    shell:
        "stage score --benchmark {wildcards.benchmark} --logits {params.logits:q}"
        " --samples {params.samples:q} {params.options:q} --out {output:q} > {log:q} 2>&1"
