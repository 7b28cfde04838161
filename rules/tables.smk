# tables: the paper's, its authors' report's and the user's own, made from scores.
rule make_table:
    input:
        scores=lambda wildcards: STAGES.table_scores(wildcards.table),
        published=lambda wildcards: STAGES.published_files(wildcards.table),
    output:
        csv=f"{TABLE}.csv",
        md=f"{TABLE}.md",
    log:
        f"{CONFIG.results}/logs/make_table/{{table}}.log",
    benchmark:
        f"{CONFIG.results}/benchmarks/make_table/{{table}}.tsv"
    conda:
        "../envs/posecache.yaml"
    threads: 1
    resources:
        scripts=SCRIPTS,
        mem_mb=1000,
        runtime=10,
    params:
        options=lambda wildcards: STAGES.make_table(wildcards.table),
    shell:
        "python {resources.scripts:q}/make_table.py {params.options:q} --scores {input.scores:q}"
        " --out {output.csv:q} > {log:q} 2>&1"
