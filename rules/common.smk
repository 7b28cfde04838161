# The checked configuration, and where each of the five nouns lies.
import sys

from pathlib import Path

from posecache import config as posecache_config
from posecache import recipe as posecache_recipe
from posecache.datasets.synthetic_files import ANNOTATIONS
from posecache.tables import ROWS as TABLE1_ROWS

sys.tracebacklimit = 0  # a wrong configuration is one line, not a traceback
CONFIG = posecache_config.parse(config)
del sys.tracebacklimit

RESULTS = CONFIG.results
SAMPLES = f"{RESULTS}/samples/{{sampleset}}/manifest.json"
MODEL = f"{RESULTS}/models/{{model}}/card.json"
LOGITS = f"{RESULTS}/logits/{{model}}/{{sampleset}}/manifest.json"
SCORE = f"{RESULTS}/scores/{{model}}/{{benchmark}}.json"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"

# The interpreter that runs Snakemake runs the stages, whose scripts lie beside the Snakefile. In
# the prefix, so that neither place is part of a rule: results may be moved, and nothing reruns.
shell.prefix(
    f"set -euo pipefail; export PATH={Path(sys.executable).parent}:$PATH"
    f" STAGES={workflow.basedir}/workflow_scripts; "
)


# Where and how wide jobs run changes no result: these are resources, not params, and nothing reruns.
DEVICE = CONFIG.compute.device
GPUS = int(DEVICE == "cuda")
THREADS = CONFIG.compute.threads
MEMORY_MB = CONFIG.compute.memory_mb


wildcard_constraints:
    sampleset="|".join(CONFIG.samples),
    model="|".join([*CONFIG.teachers, *CONFIG.students]),
    benchmark="|".join(CONFIG.benchmarks),


def final_targets():
    """What `snakemake` without a target makes."""
    return [f"{RESULTS}/tables/table1.csv"]


def option(name, value):
    """`--name value`, or nothing where the value is None."""
    return [] if value is None else [f"--{name}", str(value)]


def crop_options(wildcards):
    """Options of prepare_samples.py: the enlarged crop of a training set."""
    crops = CONFIG.samples[wildcards.sampleset].crops
    if crops is None:
        return []
    return (
        option("crop-size", crops.size)
        + option("crop-context", crops.context)
        + option("crop-quality", crops.quality)
    )


def weights(wildcards):
    """A teacher's ONNX file."""
    return CONFIG.teachers[wildcards.model].weights


def teacher_options(wildcards):
    """Options of import_model.py."""
    teacher = CONFIG.teachers[wildcards.model]
    return (
        ["--skeleton", teacher.skeleton, "--input-size", *map(str, teacher.input_size)]
        + option("padding", teacher.padding)
        + option("color-order", teacher.color_order)
        + option("sha256", teacher.sha256)
        + option("license", teacher.license)
    )


def training_samples(wildcards):
    """The sample sets that a model is trained on."""
    return expand(SAMPLES, sampleset=CONFIG.trained[wildcards.model].samples)


def teacher_logits(wildcards):
    """Every teacher's logits over them."""
    student = CONFIG.students.get(wildcards.model)
    if student is None or student.distil is None:
        return []
    return expand(
        LOGITS, model=list(student.distil.teachers), sampleset=student.samples
    )


def distil_options(wildcards):
    """Options of train_student.py: the teachers and their weights."""
    student = CONFIG.students.get(wildcards.model)
    if student is None or student.distil is None:
        return []
    distil = student.distil
    teachers = [f"{name}={beta}" for name, beta in distil.teachers.items()]
    return [
        "--teachers",
        *teachers,
        "--alpha",
        str(distil.alpha),
        "--mode",
        distil.mode,
    ]


def benchmark_logits(wildcards):
    """A model's logits over a benchmark's sample set."""
    sampleset = CONFIG.benchmarks[wildcards.benchmark].samples
    return expand(LOGITS, model=wildcards.model, sampleset=sampleset)


def benchmark_samples(wildcards):
    """A benchmark's sample set."""
    return expand(SAMPLES, sampleset=CONFIG.benchmarks[wildcards.benchmark].samples)


def benchmark_options(wildcards):
    """Options of score.py."""
    benchmark = CONFIG.benchmarks[wildcards.benchmark]
    return (
        ["--metric", benchmark.metric]
        + option("shared-with", benchmark.shared_with)
        + option("nms", benchmark.nms)
        + ([] if benchmark.rescore else ["--no-rescore"])
    )


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
