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

# The interpreter that runs Snakemake runs the stages; scripts lie beside the Snakefile.
STAGE = f"{sys.executable} {workflow.basedir}/workflow_scripts"


# Where and how wide jobs run changes no result, hence these are no params: nothing reruns for them.
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
