"""The processes that train one student together, and what they tell each other.

Each process ("rank") has a replica of the network and a part of every global batch (shares.py).
Losses are divided by the global batch's size and gradients are summed, so that all take the step
that one process takes. What is small and decides about the run goes by way of the host (gloo), so
that nobody waits for a GPU.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from posecache.training.batch_norm import synchronised
from posecache.training.shares import Share

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
PATIENCE = timedelta(hours=1)  # with a process that still runs, and may be writing a checkpoint
LOST = "no connection to the other processes of this run"


class LostError(ConnectionError):
    """Another process of the run has ended, or cannot be reached."""


@dataclass(frozen=True)
class Ranks(Share):
    """One of the processes that share a run; by default the only one, which tells nobody."""

    @property
    def first(self) -> bool:
        """Whether this process writes what a run writes."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes of tensors of one shape, which it replaces."""
        if self.world > 1:
            with _together():
                dist.all_reduce(values)
        return values

    def largest(self, *values: float) -> list[float]:
        """The largest of each value over all processes."""
        if self.world == 1:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64)
        with _together():
            dist.all_reduce(told, dist.ReduceOp.MAX)
        return told.tolist()

    def share_gradients(self, model: nn.Module) -> None:
        """Let each process have the sum of all processes' gradients.

        In one piece after the backward pass: DistributedDataParallel would send pieces meanwhile,
        but a pose student's weights are a few dozen MB, and its own averaging would have to be
        undone.
        """
        if self.world == 1:
            return
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        pieces = flat.split([gradient.numel() for gradient in gradients])
        shaped = [p.view_as(g) for p, g in zip(pieces, gradients, strict=True)]
        torch._foreach_copy_(gradients, shaped)

    def share_statistics(self, model: nn.Module) -> nn.Module:
        """The network, whose batch norms train on the global batch."""
        return synchronised(model, self.sum) if self.world > 1 else model

    def check_same(self, model: nn.Module, steps: int) -> None:
        """ValueError where another process begins with other weights or after another step."""
        if self.world == 1:
            return
        digest = 0
        for value in model.state_dict().values():
            digest = zlib.crc32(value.cpu().contiguous().numpy(), digest)
        *most, least_digest, least_steps = self.largest(digest, steps, -digest, -steps)
        if most != [-least_digest, -least_steps]:
            raise ValueError(
                f"process {self.rank} of {self.world} begins after step {steps}, another one after "
                "another step or with other weights: all need the same files and the same folder"
            )


@contextmanager
def _together() -> Iterator[None]:
    """Something that all processes do; LostError where one of them does not."""
    try:
        yield
    except RuntimeError as error:  # gloo has no error class of its own
        raise LostError(f"{LOST}: {str(error).partition(chr(10))[0]}") from error


@contextmanager
def joined(rank: int, world: int, device: str, meeting: str) -> Iterator[Ranks]:
    """Within the block this is one of a run's processes; `meeting` is an address as PyTorch's
    init_process_group takes it."""
    with _together():
        dist.init_process_group(
            BACKENDS[device], meeting, timeout=PATIENCE, world_size=world, rank=rank
        )
    yield Ranks(rank, world)
    dist.destroy_process_group()  # not after an error: it may wait for those that have ended
