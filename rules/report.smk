# report: one page to look at, of all that the configuration describes.
rule report_page:
    input:
        lambda wildcards: inputs(*PAGE),
    output:
        report(
            update(STAGES.job(*PAGE).output),
            caption="captions/page.rst",
            category="Page",
            labels={"what": "everything on one page"},
        ),
    log:
        f"{CONFIG.results}/logs/report_page/index.log",
    benchmark:
        f"{CONFIG.results}/benchmarks/report_page/index.tsv"
    conda:
        "../envs/posecache.yaml"
    threads: THREADS
    resources:
        scripts=SCRIPTS,
        mem_mb=2000,
        runtime=lambda wildcards, attempt: TIMES.minutes(STAGES.job(*PAGE), attempt),
    params:
        # All files that it is made from would be more than a command line holds.
        experiment=["--configfile", *map(str, FILES), "--config", as_yaml(GIVEN)],
        key=lambda wildcards: STAGES.job(*PAGE).key,
    shell:
        "python {resources.scripts:q}/make_report.py {params.experiment:q} --key {params.key}"
        " --threads {threads} --out {output:q} 2>&1 | tee -a {log:q}.history > {log:q}"
