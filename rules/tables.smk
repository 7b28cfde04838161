# tables: the paper's, from scores.
rule make_table1:
    input:
        table1_scores,
    output:
        csv=f"{RESULTS}/tables/table1.csv",
        md=f"{RESULTS}/tables/table1.md",
    log:
        f"{LOGS}/make_table1.log",
    benchmark:
        f"{BENCHMARKS}/make_table1.tsv"
    conda:
        "../envs/posecache.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        scores=lambda wildcards, input: str(Path(input[0]).parents[1]),
        students=[
            f"{size}:mpii={names.mpii},coco={names.coco},unified={names.unified}"
            for size, names in CONFIG.tables.table1.items()
        ],
        teachers=[
            f"{teacher}:{','.join(benchmarks)}"
            for teacher, benchmarks in CONFIG.tables.teachers.items()
        ],
    shell:
        "python $STAGES/make_table.py --scores {params.scores:q} --students {params.students:q}"
        " --teachers {params.teachers:q} --out {output.csv:q} > {log:q} 2>&1"
