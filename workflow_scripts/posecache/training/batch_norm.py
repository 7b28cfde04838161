"""Batch norm over a global batch, of which each process has a part.

On a GPU it is PyTorch's SyncBatchNorm, which reads the activations fewer times but refuses a CPU.
Shapes: (b, C, ...) are a process' samples, with any number of axes after the channels.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from posecache.training.shares import Sum


def synchronised(model: nn.Module, total: Sum) -> nn.Module:
    """The network whose batch norms train on the global batch; names of weights stay."""
    on_gpu = next(model.parameters()).is_cuda
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for layer in model.modules() if not on_gpu else ():
        if isinstance(layer, nn.SyncBatchNorm):
            layer.__class__ = CpuBatchNorm
            assert isinstance(layer, CpuBatchNorm)
            layer.total = total
    return model


class CpuBatchNorm(nn.SyncBatchNorm):
    """A SyncBatchNorm for a CPU."""

    total: Sum

    def forward(self, input: Tensor) -> Tensor:
        """Normalised input (b, C, ...); in training all processes have to call it."""
        if not self.training:
            return super().forward(input)
        values, mean, variance = Normalised.apply(input, self.eps, self.total)
        self._keep(mean, variance)
        shape = _per_channel(input)
        if self.weight is not None:
            values = values * self.weight.view(shape)
        return values if self.bias is None else values + self.bias.view(shape)

    @torch.no_grad()
    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics; `variance` is the unbiased one."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        newest = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), newest)
        self.running_var.lerp_(variance.to(self.running_var), newest)


class Normalised(torch.autograd.Function):
    """Values less the global batch's mean, over its standard deviation.

    Sums are in double precision, as in PyTorch's own batch norm on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, eps: float, total: Sum) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised values, and the mean (C,) and the unbiased variance (C,), float64."""
        axes, shape = _others(values), _per_channel(values)
        squares = torch.linalg.vector_norm(values, dim=axes, dtype=torch.float64).square()
        count = squares.new_tensor([values.numel() / values.shape[1]])
        sums = total(torch.cat([count, values.sum(axes, dtype=torch.float64), squares]))
        count, (mean, square) = sums[0], (sums[1:] / sums[0]).chunk(2)
        variance = (square - mean.square()).clamp_min(0)
        scale = (variance + eps).rsqrt()
        normalised = (values - mean.to(values).view(shape)) * scale.to(values).view(shape)
        ctx.save_for_backward(normalised, scale)
        ctx.count, ctx.total = count, total
        unbiased = variance * count / (count - 1).clamp_min(1)
        ctx.mark_non_differentiable(mean, unbiased)
        return normalised, mean, unbiased

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, None, None]:
        (normalised, scale), axes = ctx.saved_tensors, _others(gradient)
        along = [gradient.sum(axes, dtype=torch.float64)]
        along.append((gradient * normalised).sum(axes, dtype=torch.float64))
        means = ctx.total(torch.cat(along)).to(gradient) / ctx.count.to(gradient)
        shape = _per_channel(gradient)
        mean, slope = (part.view(shape) for part in means.chunk(2))
        return (gradient - mean - normalised * slope) * scale.to(gradient).view(shape), None, None


def _others(values: Tensor) -> list[int]:
    """All axes but the channels'."""
    return [axis for axis in range(values.dim()) if axis != 1]


def _per_channel(values: Tensor) -> list[int]:
    return [1, -1, *[1] * (values.dim() - 2)]
