# tables: the paper's, its authors' report's, the user's own and those of sweeps, made from scores.
rule make_table:
    input:
        lambda wildcards: inputs("table", wildcards.table),
    output:
        csv=report(
            update(f"{TABLE}.csv"),
            caption="captions/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        md=update(f"{TABLE}.md"),
    log:
        f"{CONFIG.results}/logs/make_table/{{table}}.log",
    benchmark:
        f"{CONFIG.results}/benchmarks/make_table/{{table}}.tsv"
    wildcard_constraints:
        table=any_of(TABLES.keys() - CONFIG.swept),
    conda:
        "../envs/posecache.yaml"
    threads: 1
    resources:
        scripts=SCRIPTS,
        mem_mb=1000,
        runtime=TIMES.of("table", "table"),
    params:
        options=lambda wildcards: STAGES.make_table(wildcards.table),
        record=lambda wildcards: record("table", wildcards.table),
    shell:
        "python {resources.scripts:q}/make_table.py {params.options:q} --out {output.csv:q}"
        " --record {params.record:q} 2>&1 | tee -a {log:q}.history > {log:q}"


# A sweep's table has a figure too.
use rule make_table as make_sweep with:
    output:
        csv=report(
            update(f"{TABLE}.csv"),
            caption="captions/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        md=update(f"{TABLE}.md"),
        png=report(
            update(f"{TABLE}.png"),
            caption="captions/table.rst",
            category="Tables",
            labels={"table": "{table}, figure"},
        ),
    log:
        f"{CONFIG.results}/logs/make_sweep/{{table}}.log",
    benchmark:
        f"{CONFIG.results}/benchmarks/make_sweep/{{table}}.tsv"
    wildcard_constraints:
        table=any_of(CONFIG.swept),
