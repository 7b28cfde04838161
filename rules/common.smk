# The checked configuration, and where each kind of output lies.
import re
import sys

from pathlib import Path

from posecache.config import resources as memory
from posecache.config.places import manifests, open_experiment
from posecache.config.stages import Stages
from posecache.config.starting import check_device, check_stores
from posecache.skeletons import files_of
from posecache.stage import use_own_interpreter

sys.tracebacklimit = 0  # a wrong configuration is one line, not a traceback
PLACES = open_experiment(workflow.configfiles, workflow.config_settings.config)
STAGES = Stages(PLACES)
TABLES = STAGES.tables
EVERYTHING = STAGES.everything
del sys.tracebacklimit

CONFIG = PLACES.config
SAMPLES = "{root}/samples/{sampleset}/manifest.json"
MODEL = "{root}/models/{model}/card.json"
LOGITS = "{root}/logits/{model}/{sampleset}/manifest.json"
SCORE = "{root}/scores/{model}/{benchmark}.json"
TABLE = f"{CONFIG.results}/tables/{{table}}"
LOGS = "{root}/logs"
BENCHMARKS = "{root}/benchmarks"

# The stage scripts, as seen from where the workflow runs.
SCRIPTS = Path(workflow.basedir, "workflow_scripts")
if SCRIPTS.is_relative_to(Path.cwd()):
    SCRIPTS = SCRIPTS.relative_to(Path.cwd())
SCRIPTS = str(SCRIPTS)
use_own_interpreter()

# Where jobs run and how many threads they use changes no result: these are resources, not params,
# and so are the scripts' paths. Nothing reruns when they change.
DEVICE = CONFIG.compute.device
GPUS = int(DEVICE == "cuda")
THREADS = CONFIG.compute.threads


def any_of(names):
    """A pattern that matches these names only."""
    return "|".join(map(re.escape, names)) or "$^"


wildcard_constraints:
    root=any_of(PLACES.roots),
    sampleset=any_of(CONFIG.samples),
    model=any_of([*CONFIG.teachers, *CONFIG.students]),
    benchmark=any_of(CONFIG.benchmarks),
    table=any_of(TABLES),


def training_samples(wildcards):
    """The sample sets that a model is trained on."""
    return manifests(map(PLACES.samples, CONFIG.trained[wildcards.model].samples))


def teacher_logits(wildcards):
    """Every teacher's logits over the sample sets that a model is trained on."""
    return manifests(STAGES.training_logits(wildcards.model))


def init_input(wildcards):
    """The file on which the starting weights of a training run depend."""
    return PLACES.init_input(wildcards.model)


def sample_files(wildcards):
    """All files of a sample set except its annotations and its images."""
    return CONFIG.samples[wildcards.sampleset].files


def benchmark_inputs(wildcards):
    """A model's logits over a benchmark's sample set, and that sample set."""
    samples = CONFIG.benchmarks[wildcards.benchmark].samples
    logits = STAGES.benchmark_logits(wildcards.model, wildcards.benchmark)
    return manifests([logits, PLACES.samples(samples)])


# The earliest moment at which it is known which jobs will run, and whether they will do so here.
onstart:
    jobs = list(workflow.dag.needrun_jobs())
    trained = [j.wildcards.model for j in jobs if j.rule.name.startswith("train_")]
    benchmarks = [j.wildcards.benchmark for j in jobs if j.rule.name == "score"]
    sys.tracebacklimit = 0
    if workflow.local_exec and any(j.resources.get("gpu") for j in jobs):
        check_device(CONFIG)
    check_stores(
        PLACES, trained, benchmarks, {path for j in jobs for path in j.output}
    )
    del sys.tracebacklimit
