# The checked configuration, and where each of the five nouns lies.
import json
import sys

from pathlib import Path
from shlex import quote

from posecache import config as posecache_config
from posecache import recipe as posecache_recipe
from posecache.datasets.synthetic_files import ANNOTATIONS
from posecache import skeletons as posecache_skeletons
from posecache import tables as posecache_tables
from posecache.table_specs import TABLES

sys.tracebacklimit = 0  # a wrong configuration is one line, not a traceback
CONFIG = posecache_config.parse(
    posecache_config.extended(config, Path(workflow.basedir))
)
del sys.tracebacklimit

RESULTS = CONFIG.results
SAMPLES = f"{RESULTS}/samples/{{sampleset}}/manifest.json"
MODEL = f"{RESULTS}/models/{{model}}/card.json"
LOGITS = f"{RESULTS}/logits/{{model}}/{{sampleset}}/manifest.json"
SCORE = f"{RESULTS}/scores/{{model}}/{{benchmark}}.json"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"

# `stage NAME ...` runs a script beside the Snakefile by the interpreter that runs Snakemake. In the
# prefix, so that neither place is part of a rule: results may be moved, and nothing reruns.
shell.prefix(
    f'set -euo pipefail; stage() ( name="$1"; shift; exec {quote(sys.executable)}'
    f' {quote(workflow.basedir)}/workflow_scripts/"$name".py "$@" ); '
)


# Where and how wide jobs run changes no result: these are resources, not params, and nothing reruns.
DEVICE = CONFIG.compute.device
GPUS = int(DEVICE == "cuda")
THREADS = CONFIG.compute.threads
MEMORY_MB = CONFIG.compute.memory_mb
# Of main memory, which CUDA's libraries take in each job: a guess.
CUDA_MB = 3000 * GPUS


wildcard_constraints:
    sampleset="|".join(CONFIG.samples),
    model="|".join([*CONFIG.teachers, *CONFIG.students]),
    benchmark="|".join(CONFIG.benchmarks),


def option(name, value):
    """`--name value`, or nothing where the value is None."""
    return [] if value is None else [f"--{name}", str(value)]


def numbers(name, values):
    """`--name value value ...`, or nothing where there are none."""
    return [] if values is None else [f"--{name}", *map(str, values)]


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


def sample_files(wildcards):
    """The files that stand beside a sample set's annotations, its images apart."""
    samples = CONFIG.samples[wildcards.sampleset]
    boxes = [] if samples.boxes == "gt" else [samples.boxes]
    heads = [samples.head_boxes] if samples.head_boxes else []
    own = posecache_skeletons.files_of(samples.skeleton)
    return [*boxes, *heads, *own]


def sample_options(wildcards):
    """Options of prepare_samples.py: what stands beside the annotations."""
    samples = CONFIG.samples[wildcards.sampleset]
    return (
        option("boxes", samples.boxes)
        + option("head-boxes", samples.head_boxes)
        + option("images-list", samples.images_list)
        + crop_options(wildcards)
    )


def teacher_skeletons(wildcards):
    """The skeletons of the user's own that a teacher predicts."""
    return posecache_skeletons.files_of(CONFIG.teachers[wildcards.model].skeleton)


def init_file(wildcards):
    """The checkpoint whose backbone a training run starts from."""
    init = CONFIG.trained[wildcards.model].init
    return [] if init is None else [init]


def teacher_options(wildcards):
    """Options of import_model.py."""
    teacher = CONFIG.teachers[wildcards.model]
    return (
        ["--skeleton", teacher.skeleton]
        + numbers("input-size", teacher.input_size)
        + numbers("crop-size", CONFIG.crop_size(teacher))
        + numbers("mean", teacher.mean)
        + numbers("std", teacher.std)
        + option("padding", teacher.padding)
        + option("color-order", teacher.color_order)
        + option("sha256", teacher.sha256)
        + option("license", teacher.license)
    )


def init_options(wildcards):
    """Options of train_student.py: the backbone to start from."""
    return option("init", CONFIG.trained[wildcards.model].init)


def row_megabytes(model):
    """MB of a sample's logits at most: 26 keypoints, two bins a px, single precision."""
    return CONFIG.logits.views.count * 26 * 2 * sum(CONFIG.input_size(model)) * 4e-6


def run_memory(wildcards):
    """MB of a model's run: the network, twice what RTMPose-m took on a CPU, and three shards."""
    width, height = CONFIG.input_size(wildcards.model)
    network = CONFIG.logits.batch * width * height * 4e-4
    shards = 3 * CONFIG.logits.shard_rows * row_megabytes(wildcards.model)
    return 800 + round(network + shards) + CUDA_MB


def training_memory(wildcards):
    """MB of a training run: what it keeps decoded, two windows of chunks, and the network."""
    train, chunk = CONFIG.trained[wildcards.model], CONFIG.logits.chunk_rows
    crops = max(CONFIG.samples[name].crops.size for name in train.samples)
    row = 3e-6 * crops**2 + sum(map(row_megabytes, distilled_teachers(wildcards.model)))
    rows = 2 * max(16 * chunk, CONFIG.recipe(train).batch_size + chunk)
    return MEMORY_MB + round(rows * row) + 1350 + CUDA_MB


def distilled_teachers(model):
    """The teachers that a model learns from."""
    student = CONFIG.students.get(model)
    return [] if student is None or student.distil is None else student.distil.teachers


def training_samples(wildcards):
    """The sample sets that a model is trained on."""
    return expand(SAMPLES, sampleset=CONFIG.trained[wildcards.model].samples)


def teacher_logits(wildcards):
    """Every teacher's logits over them."""
    teachers = list(distilled_teachers(wildcards.model))
    sets = CONFIG.trained[wildcards.model].samples
    return expand(LOGITS, model=teachers, sampleset=sets)


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


def logits_folder(wildcards):
    """A logit store's folder."""
    return f"{RESULTS}/logits/{wildcards.model}/{wildcards.sampleset}"


def view_options(wildcards):
    """Options of cache_logits.py: other views than the upright crop, of training sets alone."""
    views = CONFIG.logits.views.model_dump(mode="json", exclude_defaults=True)
    training = CONFIG.samples[wildcards.sampleset].crops is not None
    return option("views", json.dumps(views) if views and training else None)


def job_options(wildcards):
    """Options of cache_logits.py: which share of the shards this job writes."""
    jobs = CONFIG.logits.jobs
    return [] if jobs == 1 else ["--job", wildcards.share, str(jobs)]


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


# The tables that the configuration has models and benchmarks for, and the scores of each.
FILLED = {
    name: scores
    for name in TABLES
    if (scores := posecache_tables.needed(name, CONFIG.tables.models))
    and all(benchmark in CONFIG.benchmarks for _, benchmark in scores)
}


def listed_teachers(table):
    """The teachers that are listed below a table, with their benchmarks."""
    return CONFIG.tables.teachers if table == "table1" else {}


def table_scores(wildcards):
    """The scores of a table's rows, and of the teachers listed below it."""
    wanted = dict(FILLED[wildcards.table])
    for teacher, benchmarks in listed_teachers(wildcards.table).items():
        wanted |= {(teacher, benchmark): None for benchmark in benchmarks}
    return [SCORE.format(model=model, benchmark=name) for model, name in wanted]


def table_models(wildcards):
    """`part=model` of the models that the table's rows are about."""
    used = {model for model, _ in FILLED[wildcards.table]}
    return [f"{part}={m}" for part, m in CONFIG.tables.models.items() if m in used]


def table_teachers(wildcards):
    """Options of make_table.py: the teachers below the table."""
    teachers = listed_teachers(wildcards.table)
    listed = [f"{name}:{','.join(benchmarks)}" for name, benchmarks in teachers.items()]
    return ["--teachers", *listed] if listed else []


def final_targets():
    """What `snakemake` without a target makes."""
    return expand(f"{RESULTS}/tables/{{table}}.csv", table=list(FILLED))
