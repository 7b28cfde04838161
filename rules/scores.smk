# scores: a model's metrics on a benchmark, from its logits.
def benchmark_logits(wildcards):
    sampleset = CONFIG.benchmarks[wildcards.benchmark].samples
    return expand(LOGITS, model=wildcards.model, sampleset=sampleset)


def benchmark_samples(wildcards):
    return expand(SAMPLES, sampleset=CONFIG.benchmarks[wildcards.benchmark].samples)


def benchmark_options(wildcards):
    benchmark = CONFIG.benchmarks[wildcards.benchmark]
    return (
        ["--metric", benchmark.metric]
        + option("shared-with", benchmark.shared_with)
        + option("nms", benchmark.nms)
        + ([] if benchmark.rescore else ["--no-rescore"])
    )


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
        "{STAGE}/score.py --benchmark {wildcards.benchmark} --logits {params.logits:q}"
        " --samples {params.samples:q} {params.options:q} --out {output:q} > {log:q} 2>&1"
