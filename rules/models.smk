# models: teachers that come as files. Those trained here are in students.smk.
rule import_model:
    input:
        lambda wildcards: inputs("model", wildcards.model),
    output:
        update(MODEL),
    log:
        f"{LOGS}/import_model/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/import_model/{{model}}.tsv"
    wildcard_constraints:
        model=any_of(CONFIG.imported),
    conda:
        "../envs/posecache.yaml"
    threads: 1
    resources:
        scripts=SCRIPTS,
        mem_mb=1000,
        runtime=TIMES.of("model", "model"),
    params:
        options=lambda wildcards: STAGES.import_model(wildcards.model),
        record=lambda wildcards: record("model", wildcards.model),
        out=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "python {resources.scripts:q}/import_model.py {params.options:q} --out {params.out:q}"
        " --record {params.record:q} 2>&1 | tee -a {log:q}.history > {log:q}"
