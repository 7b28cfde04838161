# What models say about a sample set beyond its labels: annotations extended by them, and its people
# ranked by how much models and labels disagree.
rule annotate:
    input:
        lambda wildcards: inputs("annotations", wildcards.annotation),
    output:
        update("{root}/annotations/{annotation}.json"),
    log:
        f"{LOGS}/annotate/{{annotation}}.log",
    benchmark:
        f"{BENCHMARKS}/annotate/{{annotation}}.tsv"
    wildcard_constraints:
        annotation=any_of(CONFIG.annotations),
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        scripts=SCRIPTS,
        mem_mb=2000,
        runtime=TIMES.of("annotations", "annotation"),
    params:
        options=lambda wildcards: STAGES.annotate(wildcards.annotation),
        record=lambda wildcards: record("annotations", wildcards.annotation),
    shell:
        "python {resources.scripts:q}/annotate.py {params.options:q} --threads {threads}"
        " --out {output:q} --record {params.record:q} 2>&1 | tee -a {log:q}.history > {log:q}"


rule rank_people:
    input:
        lambda wildcards: inputs("active_learning", wildcards.sampleset),
    output:
        csv=update("{root}/active_learning/{sampleset}.csv"),
        sheet=update("{root}/active_learning/{sampleset}.jpg"),
    log:
        f"{LOGS}/rank_people/{{sampleset}}.log",
    benchmark:
        f"{BENCHMARKS}/rank_people/{{sampleset}}.tsv"
    wildcard_constraints:
        sampleset=any_of(CONFIG.active_learning),
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        scripts=SCRIPTS,
        mem_mb=2000,
        runtime=TIMES.of("active_learning", "sampleset"),
    params:
        options=lambda wildcards: STAGES.rank_people(wildcards.sampleset),
        record=lambda wildcards: record("active_learning", wildcards.sampleset),
    shell:
        "python {resources.scripts:q}/rank_people.py {params.options:q} --threads {threads}"
        " --out {output.csv:q} --record {params.record:q} 2>&1 | tee -a {log:q}.history > {log:q}"
