# scores: a model's metrics on a benchmark, from its logits.
rule score:
    input:
        lambda wildcards: inputs("score", wildcards.model, wildcards.benchmark),
    output:
        update(SCORE),
    log:
        f"{LOGS}/score/{{model}}/{{benchmark}}.log",
    benchmark:
        f"{BENCHMARKS}/score/{{model}}/{{benchmark}}.tsv"
    conda:
        "../envs/posecache.yaml"
    threads: 1
    resources:
        scripts=SCRIPTS,
        mem_mb=1000,
        runtime=TIMES.of("score", "model", "benchmark"),
    params:
        options=lambda wildcards: STAGES.score(wildcards.model, wildcards.benchmark),
        record=lambda wildcards: record("score", wildcards.model, wildcards.benchmark),
    shell:
        "python {resources.scripts:q}/score.py {params.options:q} --out {output:q}"
        " --record {params.record:q} 2>&1 | tee -a {log:q}.history > {log:q}"
