# Demo data: rendered pictures in the real file formats. Without a `demo` section the annotation
# files are inputs that must lie on disk.
DEMO_FILES = {
    f"{CONFIG.demo.folder}/{demo_set.dataset}/"
    + ANNOTATIONS[demo_set.dataset].format(split=demo_set.split): name
    for name, demo_set in (CONFIG.demo.sets.items() if CONFIG.demo else [])
}

for annotations, name in DEMO_FILES.items():

    rule:
        name:
            f"make_demo_{name}"
        output:
            annotations,
        log:
            f"{LOGS}/make_demo/{name}.log",
        benchmark:
            f"{BENCHMARKS}/make_demo/{name}.tsv"
        conda:
            "../envs/posecache.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            dataset=CONFIG.demo.sets[name].dataset,
            split=CONFIG.demo.sets[name].split,
            images=CONFIG.demo.sets[name].images,
            seed=CONFIG.demo.sets[name].seed,
            out=lambda wildcards, output: str(Path(output[0]).parents[1]),
        shell:
            "stage make_demo --dataset {params.dataset} --split {params.split}"
            " --images {params.images} --seed {params.seed} --threads {threads}"
            " --out {params.out:q} > {log:q} 2>&1"
