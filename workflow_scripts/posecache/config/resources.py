"""How much memory jobs ask for: upper estimates, by batch, crop, shard, view and keypoint."""

from posecache import skeletons
from posecache.config.schema import Config
from posecache.contract import SPLIT_RATIO
from posecache.logits.settings import FRAMINGS, GROUP
from posecache.training.recipe import WINDOW_CHUNKS

# Main memory that CUDA's libraries take in each job: a guess.
CUDA_MB = 3000
# What a training run that is validated takes for COCO's evaluation: a guess. The crops that it is
# validated on lie on the disk.
VALIDATION_MB = 700
BYTES_A_LOGIT = 4  # as a training run decodes it


def row_mb(config: Config, model: str) -> float:
    """MB of one sample's logits."""
    keypoints = skeletons.load(config.skeleton(model)).num_keypoints
    bins = SPLIT_RATIO * sum(config.input_size(model))
    return config.view_count(model) * keypoints * bins * BYTES_A_LOGIT / 1e6


def caching_mb(config: Config, model: str) -> int:
    """MB of a model's run over samples: the network, three shards, and looks on their way.

    The network is counted with twice what RTMPose-m took on a CPU.
    """
    width, height = config.input_size(model)
    network = config.logits.batch * width * height * 4e-4
    shards = 3 * config.logits.shard_rows * row_mb(config, model)
    return 800 + round(network + shards + _looks_mb(config, model)) + _cuda_mb(config)


def _looks_mb(config: Config, model: str) -> float:
    """MB of the looks that wait for the model, or to be merged: crops, and their logits twice."""
    views, (width, height) = config.views(model), config.input_size(model)
    looks = GROUP * (config.compute.threads + 4) * max(views.listed, len(FRAMINGS))
    logits = row_mb(config, model) / config.view_count(model)
    return (looks + 2 * config.logits.batch) * (3e-6 * width * height + 2 * logits)


def training_mb(config: Config, model: str) -> int:
    """MB of a training run: the decoded samples, two windows of chunks, a network for each of its
    processes, and what it is validated on."""
    chunk, sets = config.logits.chunk_rows, config.trained[model].samples
    recipe = config.recipe(model)
    validation = VALIDATION_MB if recipe.validate_epochs is not None else 0
    given = [config.samples[name].crops for name in sets]
    crops = max(crop.size for crop in given if crop is not None)
    row = 3e-6 * crops**2 + sum(row_mb(config, t) for t in config.teachers_of(model))
    rows = 2 * max(WINDOW_CHUNKS * chunk, recipe.batch_size + chunk)
    networks = config.gpus(model) * (1350 + _cuda_mb(config)) + validation
    return config.compute.memory_mb + round(rows * row) + networks


def _cuda_mb(config: Config) -> int:
    return CUDA_MB if config.compute.device == "cuda" else 0
