# models: teachers that come as files. Those trained here are in students.smk.
rule import_model:
    input:
        weights=lambda wildcards: CONFIG.teachers[wildcards.model].weights,
        skeletons=teacher_skeletons,
    output:
        MODEL,
    log:
        f"{LOGS}/import_model/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/import_model/{{model}}.tsv"
    wildcard_constraints:
        model="|".join(name for name, t in CONFIG.teachers.items() if t.weights) or "$^",
    conda:
        "../envs/posecache.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        options=teacher_options,
        out=lambda wildcards, output: str(Path(output[0]).parent),
    shell:
        "stage import_model --weights {input.weights:q} --name {wildcards.model} {params.options:q}"
        " --out {params.out:q} > {log:q} 2>&1"
