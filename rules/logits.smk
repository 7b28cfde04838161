# logits: a model's SimCC logits over a sample set. The same stage caches teachers and evaluates
# students. With `logits.jobs` above 1, each job writes its share of the shards, and seal_logits
# gathers them. A share is K-of-N-KEY: what one job wrote of other logits does not count.
JOBS = CONFIG.logits.jobs
SHARE = "{root}/logits/.shares/{model}/{sampleset}/{share}"
PART = "" if JOBS == 1 else "-{share}"


rule cache_logits:
    input:
        lambda wildcards: inputs("logits", wildcards.model, wildcards.sampleset),
    output:
        update(LOGITS) if JOBS == 1 else temp(touch(SHARE)),
    log:
        f"{LOGS}/cache_logits/{{model}}/{{sampleset}}{PART}.log",
    benchmark:
        f"{BENCHMARKS}/cache_logits/{{model}}/{{sampleset}}{PART}.tsv"
    wildcard_constraints:
        share=r"\d+-of-\d+-[0-9a-f]+",
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        scripts=SCRIPTS,
        mem_mb=lambda wildcards: memory.caching_mb(CONFIG, wildcards.model),
        runtime=TIMES.of("logits", "model", "sampleset"),
        gpu=CONFIG.compute.asked_gpu(1),
        gres=CONFIG.compute.asked_gres(1),
        device=DEVICE,
        batch=CONFIG.logits.batch,
    params:
        options=lambda wildcards: STAGES.cache_logits(
            wildcards.model, wildcards.sampleset
        ),
        # The job that writes all shards also records what they are made from.
        job=lambda wildcards: (
            ["--job", wildcards.share.partition("-")[0], JOBS]
            if JOBS > 1
            else ["--record", *record("logits", wildcards.model, wildcards.sampleset)]
        ),
        out="{root}/logits/{model}/{sampleset}",
    shell:
        "python {resources.scripts:q}/cache_logits.py {params.options:q} {params.job:q}"
        " --batch {resources.batch} --device {resources.device} --threads {threads}"
        " --out {params.out:q} 2>&1 | tee -a {log:q}.history > {log:q}"


if JOBS > 1:

    rule seal_logits:
        input:
            shares,
            lambda wildcards: changed(
                STAGES.job("logits", wildcards.model, wildcards.sampleset)
            ),
        output:
            update(LOGITS),
        log:
            f"{LOGS}/seal_logits/{{model}}/{{sampleset}}.log",
        benchmark:
            f"{BENCHMARKS}/seal_logits/{{model}}/{{sampleset}}.tsv"
        conda:
            "../envs/posecache.yaml"
        threads: 1
        resources:
            scripts=SCRIPTS,
            mem_mb=500,
            runtime=TIMES.sealing("model", "sampleset"),
        params:
            record=lambda wildcards: record(
                "logits", wildcards.model, wildcards.sampleset
            ),
            out=lambda wildcards, output: str(Path(output[0]).parent),
        shell:
            "python {resources.scripts:q}/seal_logits.py --out {params.out:q}"
            " --record {params.record:q} 2>&1 | tee -a {log:q}.history > {log:q}"
