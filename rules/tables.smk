# tables: the paper's and its authors' report's, from scores.
rule make_table:
    input:
        table_scores,
    output:
        csv=f"{RESULTS}/tables/{{table}}.csv",
        md=f"{RESULTS}/tables/{{table}}.md",
    log:
        f"{LOGS}/make_table/{{table}}.log",
    benchmark:
        f"{BENCHMARKS}/make_table/{{table}}.tsv"
    wildcard_constraints:
        table="|".join(FILLED) or "$^",
    conda:
        "../envs/posecache.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        scores=f"{RESULTS}/scores",
        models=table_models,
        teachers=table_teachers,
    shell:
        "stage make_table --table {wildcards.table} --scores {params.scores:q}"
        " --models {params.models:q} {params.teachers:q} --out {output.csv:q} > {log:q} 2>&1"
