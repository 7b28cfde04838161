# tables: the paper's, from scores.
def table1_scores(wildcards):
    """Scores of the eight rows, and of the teachers printed below."""
    wanted = {
        (getattr(names, row.student), benchmark)
        for names in CONFIG.tables.table1.values()
        for row in TABLE1_ROWS
        for benchmark in (row.mpii, row.coco)
    } | {
        (teacher, benchmark)
        for teacher, benchmarks in CONFIG.tables.teachers.items()
        for benchmark in benchmarks
    }
    return [SCORE.format(model=model, benchmark=name) for model, name in sorted(wanted)]


rule make_table1:
    input:
        table1_scores,
    output:
        f"{RESULTS}/tables/table1.csv",
        f"{RESULTS}/tables/table1.md",
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
        scores=f"{RESULTS}/scores",
        students=[
            f"{size}:mpii={names.mpii},coco={names.coco},unified={names.unified}"
            for size, names in CONFIG.tables.table1.items()
        ],
        teachers=[
            f"{teacher}:{','.join(benchmarks)}"
            for teacher, benchmarks in CONFIG.tables.teachers.items()
        ],
    shell:
        "{STAGE}/make_table.py --scores {params.scores:q} --students {params.students:q}"
        " --teachers {params.teachers:q} --out {output[0]:q} > {log:q} 2>&1"
