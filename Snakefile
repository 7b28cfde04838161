from snakemake.utils import min_version

min_version("9.0")


include: "rules/common.smk"
include: "rules/telling.smk"
include: "rules/demo.smk"
include: "rules/samples.smk"
include: "rules/models.smk"
include: "rules/logits.smk"
include: "rules/students.smk"
include: "rules/scores.smk"
include: "rules/tables.smk"
include: "rules/annotations.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        EVERYTHING,
