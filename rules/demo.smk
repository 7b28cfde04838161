# Demo data: rendered pictures in the real file formats. Without a `demo` section, the annotation
# files are inputs that must exist on disk.
for annotations, demo_set in CONFIG.rendered.items():
    name = f"{demo_set.dataset}-{demo_set.split}"

    rule:
        name:
            f"make_demo_{name}"
        input:
            lambda wildcards, name=annotations: inputs("demo", name),
        output:
            update(annotations),
        log:
            f"{CONFIG.results}/logs/make_demo/{name}.log",
        benchmark:
            f"{CONFIG.results}/benchmarks/make_demo/{name}.tsv"
        conda:
            "../envs/posecache.yaml"
        threads: 1
        resources:
            scripts=SCRIPTS,
            mem_mb=1000,
            runtime=TIMES.of("demo", annotations),
        params:
            options=STAGES.make_demo(demo_set),
            record=record("demo", annotations),
            out=lambda wildcards, output: str(Path(output[0]).parents[1]),
        shell:
            "python {resources.scripts:q}/make_demo.py {params.options:q} --threads {threads}"
            " --out {params.out:q} --record {params.record:q} 2>&1 | tee -a {log:q}.history > {log:q}"
