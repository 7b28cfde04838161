from functools import partial

import pytest
import torch
from torch import Tensor

from posecache import simcc, skeletons
from posecache.models.networks.heatmap import HeatmapPose
from posecache.models.networks.refined import (
    GraphConvolution,
    Refined,
    Refiner,
    Refining,
    normalised,
)
from posecache.models.networks.rtmpose import RTMPose
from posecache.models.networks.variant import Variant
from posecache.models.settings import Refine

TINY = Variant(deepen=0.1, widen=0.0625, stride=16)
SIZE = (32, 48)
SKELETON = skeletons.load("coco17+mpii16")
# Three keypoints in a row: 0 - 1 - 2.
CHAIN = skeletons.parse(
    {"keypoints": ["a", "b", "c"], "sigmas": [0.1] * 3, "links": [["a", "b"], ["b", "c"]]},
    "chain",
    "chain",
)


def refined(**how: object) -> Refined:
    torch.manual_seed(0)
    coarse = partial(RTMPose, TINY, SKELETON.num_keypoints, SIZE)
    return Refining(coarse=coarse, refine=Refine.model_validate(how), skeleton=SKELETON)()


def images() -> Tensor:
    return torch.randn(2, 3, SIZE[1], SIZE[0], generator=torch.Generator().manual_seed(1))


def test_the_support_is_links_and_self_loops_a_row_summing_to_one() -> None:
    half, third = 1 / 2, 1 / 3
    expected = [[half, half, 0], [third, third, third], [0, half, half]]
    assert torch.allclose(normalised(CHAIN), torch.tensor(expected))


def test_a_graph_convolution_by_hand() -> None:
    """One channel, doubled plus one; the edge from 2 to 1 counts three times."""
    convolution = GraphConvolution(1, 1, normalised(CHAIN))
    with torch.no_grad():
        convolution.linear.weight.fill_(2)
        convolution.linear.bias.fill_(1)
        convolution.edges[1, 2] = 3
    found = convolution(torch.tensor([[[1.0], [2.0], [4.0]]]))
    # 3, 5 and 9 at the nodes.
    assert found.flatten().tolist() == pytest.approx([4, (3 + 5 + 27) / 3, 7])


def test_before_it_learns_the_pose_is_the_coarse_one() -> None:
    network = refined().eval()
    with torch.no_grad():
        x, y, keypoints, scores = network(images())
    expected, peaks = simcc.decode(x, y)
    seen = peaks > 0
    assert seen.any()
    assert torch.allclose(keypoints[seen], expected[seen], atol=1e-5)
    assert torch.equal(scores, peaks)
    network.train()
    assert network(images())[2].shape == (2, 3, SKELETON.num_keypoints, 2)


def test_places_are_told_in_single_precision_whatever_the_backbone_learns_in() -> None:
    network = refined().train()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = network(images())
    assert {output.dtype for output in outputs} == {torch.float32}


def test_each_step_moves_the_pose_by_what_its_stage_shows_there() -> None:
    """The refiner looks at stages 4 and 1: offsets of one step are the start of the next."""
    refiner = Refiner(
        Refine(hidden=4, features=2, stages=[4, 1], weights=[1, 1]), CHAIN, [3, 9, 9, 5]
    )
    maps = [torch.rand(1, channels, 6, 4) for channels in (3, 9, 9, 5)]
    pose, scores = torch.tensor([[[0.0, 0.0], [0.5, 0.5], [-0.5, 0.25]]]), torch.ones(1, 3)
    with torch.no_grad():
        for number, step in enumerate(refiner.steps):
            step.offset.bias.copy_(torch.tensor([0.1, -0.2]) * (number + 1))
        poses = refiner(pose, scores, maps)
        assert torch.allclose(poses[:, 0], pose + torch.tensor([0.1, -0.2]))
        assert torch.allclose(poses[:, 1], pose + torch.tensor([0.3, -0.6]))
        for step in refiner.steps:
            torch.nn.init.ones_(step.offset.weight)
        first = refiner(pose, scores, maps)
        maps[1] = maps[1] + 1  # nobody looks there
        assert torch.equal(refiner(pose, scores, maps), first)
        maps[0] = maps[0] + 1
        moved = refiner(pose, scores, maps)
    assert torch.equal(moved[:, 0], first[:, 0])
    assert not torch.equal(moved[:, 1], first[:, 1])


def test_places_in_the_picture_are_shares_from_edge_to_edge() -> None:
    network = refined()
    places = torch.tensor([[-0.5, -0.5], [31.5, 47.5], [15.5, 23.5]])
    shares = network.shares(places)
    assert shares.tolist() == [[-1, -1], [1, 1], [0, 0]]
    assert torch.equal(network.pixels(shares), places)


def test_only_a_network_with_stages_is_refined() -> None:
    coarse = partial(HeatmapPose, TINY, SKELETON.num_keypoints, SIZE)
    with pytest.raises(ValueError, match="refine: needs network rtmpose"):
        Refining(coarse=coarse, refine=Refine(), skeleton=SKELETON)()


def test_a_step_has_a_stage_and_a_weight() -> None:
    with pytest.raises(ValueError, match="2 weights for 3 stages"):
        Refine(weights=[1, 1])
