"""Time-invariant linear maps: weights plain or standardised, pooling, scaling, dropout masks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.utils import _pair
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from saflab.neurons import first_order

__all__ = ["REPARAMETRISE", "Conv2d", "Linear", "Scale", "SequenceDropout", "pool", "standardise"]

# Hooks of PyTorch that compute a weight before each call of `forward`.
REPARAMETRISE = (BasePruningMethod, SpectralNorm, WeightNorm)


class _Standardise(torch.autograd.Function):
    """r·g·(W − m) with r = (n/(n−1)·‖W − m‖² + ε)^−½ for each row W of n weights.

    ∂ℓ/∂g = r·d and ∂ℓ/∂W = g·r·(G − mean G) − g·r³·n/(n−1)·d·(W − m), where d = G·(W − m): a third
    of the passes over the weights that autograd makes, and nothing kept but the weights themselves.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, gain: Tensor, eps: float) -> Tensor:
        flat, n = weight.flatten(1), weight[0].numel()
        mean = flat.mean(1, keepdim=True)
        out = flat - mean
        square = torch.linalg.vector_norm(out, dim=1, keepdim=True).square()
        r = torch.rsqrt(square / (n - 1) * n + eps)
        ctx.save_for_backward(weight, gain, mean, r)
        return out.mul_(r * gain[:, None]).view_as(weight)

    @staticmethod
    @first_order
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        weight, gain, mean, r = ctx.saved_tensors
        flat, g, n = weight.flatten(1), grads[0].flatten(1), weight[0].numel()
        total = g.sum(1, keepdim=True)
        d = torch.linalg.vecdot(g, flat).unsqueeze(1) - mean * total
        inner = gain[:, None] * r
        outer = inner * r.square() * d * n / (n - 1)
        out = torch.addcmul(outer * mean - inner * total / n, g, inner)
        out.addcmul_(flat, outer, value=-1.0)
        return out.view_as(weight), (r * d).squeeze(1), None


def standardise(weight: Tensor, gain: Tensor, eps: float = 1e-4) -> Tensor:
    """Return gain·(W − mean) / √(var·fan_in + ε) for each output channel.

    Args:
        weight: W, shape (out, *in).
        gain: Learnable gain, shape (out,).
        eps: ε > 0.

    Reference: Xiao et al., arXiv:2210.04195 (unbiased variance).
    """
    return _Standardise.apply(weight, gain, eps)


class _Weighted(nn.Module):
    """A weight W that meets its input as it is, or standardised if there is a gain."""

    weight: Tensor
    gain: nn.Parameter | None

    def _standardised(self, wanted: bool) -> None:
        if wanted and self.weight[0].numel() < 2:
            raise ValueError(
                "Expected at least two weights per output to standardise, but found one, which "
                "has no spread. Leave standardised=False."
            )
        self.gain = nn.Parameter(torch.ones(len(self.weight))) if wanted else None

    def effective_weight(self, factor: float = 1.0) -> Tensor:
        """Return the weight that the input meets, times a constant factor.

        `torch.nn.utils.prune`, `weight_norm` and `spectral_norm` compute weight, bias or gain anew.
        """
        for hook in self._forward_pre_hooks.values():
            if isinstance(hook, REPARAMETRISE):
                hook(self, ())
        if self.gain is not None:
            return standardise(self.weight, self.gain * factor)
        return self.weight if factor == 1.0 else self.weight * factor


class Linear(_Weighted, nn.Linear):
    """Fully connected synapse, W x + b; `standardised=True` standardises W with a gain."""

    channel = -1  # the dimension of the output that the bias runs along

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, standardised: bool = False
    ) -> None:
        super().__init__(in_features, out_features, bias)
        self._standardised(standardised)

    def apply_to(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return W x + b for given W and b."""
        return F.linear(x, weight, bias)

    def backward_of(
        self, grad: Tensor, path: Tensor, weight: Tensor, needed: list[bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients of the input and of W, the latter taken at `path`."""
        return (
            grad @ weight if needed[0] else None,
            grad.flatten(0, -2).mT @ path.flatten(0, -2) if needed[1] else None,
        )


def _arranged(x: Tensor) -> Tensor:
    """Return x in the layout in which the processor convolves it fastest, as measured.

    On a CPU, channels last wins for bfloat16 and for large images, channels first for small ones.
    """
    if x.device.type != "cpu" or x.dtype == torch.float64:
        return x
    last = x.shape[-1] >= 16 or torch.is_autocast_enabled("cpu") or x.dtype == torch.bfloat16
    return x.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


class Conv2d(_Weighted, nn.Conv2d):
    """Convolutional synapse, W ∗ x + b; `standardised=True` standardises W with a gain."""

    channel = 1  # the dimension of the output that the bias runs along

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 1,
        bias: bool = True,
        *,
        standardised: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=bias)
        self._standardised(standardised)

    def apply_to(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return W ∗ x + b for given W and b."""
        return self._conv_forward(_arranged(x), weight, bias)

    def backward_of(
        self, grad: Tensor, path: Tensor, weight: Tensor, needed: list[bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients of the input and of W, the latter taken at `path`."""
        g_in, g_weight, _ = torch.ops.aten.convolution_backward(
            grad,
            path,
            weight,
            None,
            self.stride,
            self.padding,
            self.dilation,
            False,
            [0, 0],
            self.groups,
            [*needed, False],
        )
        return g_in, g_weight


class _AvgPool(torch.autograd.Function):
    """Average pooling that keeps nothing for the backward pass: PyTorch's keeps its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, options: tuple[Any, ...]) -> Tensor:
        ctx.options, ctx.like = options, (x.shape, x.stride(), x.dtype, x.device)
        return torch.ops.aten.avg_pool2d(x, *options)

    @staticmethod
    @first_order
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None]:
        shape, stride, dtype, device = ctx.like
        like = torch.empty_strided(shape, stride, dtype=dtype, device=device)  # never read
        return torch.ops.aten.avg_pool2d_backward(grads[0], like, *ctx.options), None


def pool(x: Tensor, module: nn.AvgPool2d) -> Tensor:
    """Return the average pooling of `x`, (B, C, H, W), by `module`."""
    options = (
        _pair(module.kernel_size),
        _pair(module.stride),
        _pair(module.padding),
        module.ceil_mode,
        module.count_include_pad,
        module.divisor_override,
    )
    return _AvgPool.apply(x, options)


class Scale(nn.Module):
    """Multiply by a constant factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return factor·x."""
        return x * self.factor

    def extra_repr(self) -> str:
        """Show the factor."""
        return f"{self.factor}"


class SequenceDropout(nn.Module):
    """Dropout whose mask is drawn once per sequence, so that it commutes with accumulation.

    `NetworkState` carries the mask; a sequence that starts with state None draws another.

    Args:
        p: Probability that an entry is 0, in [0, 1).

    Raises:
        ValueError: If `p` is out of range.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= p < 1.0:
            raise ValueError(f"Expected a dropout probability in [0, 1), but found {p}.")
        self.p = p

    def draw(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a mask for one sequence, shaped as one step of `x` and scaled by 1/(1 − p)."""
        kept = 1.0 - self.p
        return torch.empty_like(x).bernoulli_(kept, generator=generator).div_(kept)

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"
