# The checked configuration, and where each kind of output lies.
import re
import sys

from functools import cache
from pathlib import Path

from posecache.config import resources as memory
from posecache.config.options import as_yaml
from posecache.config.places import open_experiment
from posecache.config.planning import Verdicts, settle, signal
from posecache.config.stages import PAGE, Stages
from posecache.config.starting import check_device, check_stores
from posecache.estimates.times import Times
from posecache.stage import use_own_interpreter

sys.tracebacklimit = 0  # a wrong configuration is one line, not a traceback
# A configuration that is named on the command line replaces the demo's instead of extending it.
FILES = workflow.overwrite_configfiles or ["config.yaml"]
GIVEN = workflow.config_settings.config
PLACES = open_experiment(FILES, GIVEN)
STAGES = Stages(PLACES)
if workflow.is_main_process:
    settle(STAGES)
TABLES = STAGES.things.tables
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

# Where jobs run and how many threads they use changes no result.
DEVICE = CONFIG.compute.device
THREADS = CONFIG.compute.threads
TIMES = Times(STAGES)


def any_of(names):
    """A pattern that matches these names only."""
    return "|".join(map(re.escape, names)) or "$^"


wildcard_constraints:
    root=any_of(PLACES.roots),
    sampleset=any_of(CONFIG.samples),
    model=any_of(CONFIG.models),
    benchmark=any_of(CONFIG.benchmarks),
    table=any_of(TABLES),


@cache
def verdicts():
    """What is out of date is told by each output's record (posecache/records.py), not by times and
    not by what Snakemake remembers: neither survives copied, moved or restored folders.
    """
    return Verdicts(workflow.dag_settings.forcerun)


def changed(job):
    """An input that makes Snakemake run a job whose thing stands and is stale."""
    # Within a job that was submitted, all is decided.
    if not (workflow.is_main_process and verdicts().is_stale(job)):
        return []
    return [signal(job.output, Path(".snakemake/made_from_something_else"))]


def inputs(kind, *names):
    """What a thing is made from. Times of the user's files do not count; other jobs' outputs are
    given such as agree with the records, as Snakemake passes on by them that a job runs again.
    """
    job = STAGES.job(kind, *names)
    made = {part.output for part in job.upstream}
    given = [file if file in made else ancient(file) for file in job.inputs]
    if verdicts().is_current(job):  # it needs nothing that was removed to save space
        given = [file for file in given if Path(file).exists()]
    return given + changed(job)


def shares(wildcards):
    """What the jobs leave behind that share a model's run over a sample set."""
    key = STAGES.job("logits", wildcards.model, wildcards.sampleset).key[:12]
    names = [
        f"{number}-of-{CONFIG.logits.jobs}-{key}"
        for number in range(CONFIG.logits.jobs)
    ]
    folder = "{root}/logits/.shares/{model}/{sampleset}".format(**wildcards)
    return [f"{folder}/{name}" for name in names]


def record(kind, *names):
    """What the stage script notes beside the thing."""
    return STAGES.job(kind, *names).record


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
