"""What may stand between two neurons: time-invariant affine maps, and nothing else.

A weight layer (`Linear`, `Conv2d`) with parameter-free linear maps before it commutes with spike
accumulation. `Synapse` checks that, and evaluates the map for a value and, where a rule asks for
it, with the gradient taken at another tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from saflab import machine
from saflab.network.linear_maps import REPARAMETRISE, Conv2d, Linear, Scale, SequenceDropout, pool
from saflab.network.prepared import Prepared
from saflab.neurons import first_order, rescale, swap
from saflab.ops.finite import is_finite, require_finite

__all__ = ["Synapse"]


_LINEAR = (nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Identity, Scale, SequenceDropout)
_SUBSTITUTES: tuple[tuple[tuple[type[nn.Module], ...], str], ...] = (
    ((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AdaptiveMaxPool2d), "nn.AvgPool2d"),
    ((nn.Dropout, nn.Dropout1d, nn.Dropout2d), "saflab.network.SequenceDropout"),
    (
        (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm),
        "weight standardisation (standardised=True)",
    ),
)


def _refuse(module: nn.Module) -> None:
    name = type(module).__name__
    allowed = ", ".join(kind.__name__ for kind in (Linear, Conv2d, *_LINEAR))
    if isinstance(module, nn.Linear | nn.Conv2d):
        raise ValueError(
            f"Expected a weight layer of saflab, but found torch.nn.{name}, whose bias cannot "
            f"follow the accumulation. Use saflab.{name}(…) with the same sizes, or convert a "
            "torch.nn model as a whole."
        )
    for types, substitute in _SUBSTITUTES:
        if isinstance(module, types):
            raise ValueError(
                f"Expected a time-invariant linear map between neurons, but found {name}, which "
                f"does not commute with spike accumulation here. Use {substitute} instead."
            )
    raise ValueError(f"Expected one of {allowed} between neurons, but found {name}. Use one.")


# Modules that a synapse evaluates without a call of their `forward`.
_UNCALLED = (Linear, Conv2d, nn.AvgPool2d, Scale, SequenceDropout)


def _has_own_forward(module: nn.Module) -> bool:
    base = next(kind for kind in _UNCALLED if isinstance(module, kind))
    return "forward" in vars(module) or type(module).forward is not base.forward


def _check_hooks(module: nn.Module | None, name: str) -> None:
    if not isinstance(module, _UNCALLED):
        return
    kinds = (
        module._forward_pre_hooks,
        module._forward_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    for hook in (hook for hooks in kinds for hook in hooks.values()):
        if not isinstance(hook, REPARAMETRISE):
            raise ValueError(
                f"Expected no hook on {type(module).__name__} of {name}, but found {hook}. A "
                "synapse uses the weight without calling the layer, so that the hook would never "
                "run. Register it on the synapse, or use Network.forward(observe=…). Pruning, "
                "parametrizations, weight_norm and spectral_norm of torch.nn.utils work."
            )


class _TwoPaths(torch.autograd.Function):
    """Forward at `value`, weight gradient at `path`: OTTT in a single forward pass."""

    @staticmethod
    def forward(
        ctx: Any, value: Tensor, path: Tensor, weight: Tensor, bias: Tensor | None, layer: Any
    ) -> Tensor:
        ctx.save_for_backward(path, weight)
        ctx.layer = layer
        return layer.apply_to(value, weight, bias)

    @staticmethod
    @first_order
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        path, weight = ctx.saved_tensors
        needed = list(ctx.needs_input_grad[1:3])
        g_path, g_weight = ctx.layer.backward_of(grads[0], path, weight, needed)
        channel = ctx.layer.channel % grads[0].dim()
        others = [d for d in range(grads[0].dim()) if d != channel]
        g_bias = grads[0].sum(others) if ctx.needs_input_grad[3] else None
        return None, g_path, g_weight, g_bias, None


class Synapse(nn.Module):
    """A time-invariant affine map: parameter-free linear maps, then at most one weight layer.

    Args:
        *modules: Any of AvgPool2d, AdaptiveAvgPool2d, Flatten, Identity, `Scale`,
            `SequenceDropout`, then optionally one `Linear` or `Conv2d`.

    Raises:
        ValueError: If a module does not commute with spike accumulation; names the substitute.
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        *before, last = modules or (nn.Identity(),)
        if not isinstance(last, Linear | Conv2d):
            before, last = [*before, last], None
        for module in before:
            if isinstance(module, Linear | Conv2d):
                raise ValueError(
                    f"Expected {type(module).__name__} to be the last module of a synapse, but "
                    "found it before another. Give each weight layer a synapse of its own."
                )
            if not isinstance(module, _LINEAR):
                _refuse(module)
            if isinstance(module, nn.Flatten) and module.start_dim != 1:
                raise ValueError(
                    f"Expected Flatten from dimension 1, but found {module.start_dim}."
                )
        for module in (*before, last):
            if isinstance(module, _UNCALLED) and _has_own_forward(module):
                raise ValueError(
                    f"Expected the forward pass of saflab's layer, but found one of "
                    f"{type(module).__name__}'s own, which a synapse would never call. Compute the "
                    "weight with a parametrization of torch.nn.utils.parametrize."
                )
        self.before = nn.ModuleList(before)
        self.layer: Linear | Conv2d | None = last

    def prepare(self, *, hold: bool = False, name: str = "synapse") -> Prepared:
        """Return the synapse made ready for one sequence.

        Args:
            hold: See `Prepared`.
            name: What an error calls the synapse.

        Raises:
            ValueError: If a weight or bias is not finite (not looked at on a GPU), or a module has
                a hook that would not be called.
        """
        for module in (*self.before, self.layer):
            _check_hooks(module, name)
        if self.layer is None:
            return Prepared(None, None, hold=hold)
        # Scaling the weights once per sequence is cheaper than the signals at every step.
        factor = math.prod(m.factor for m in self.before if isinstance(m, Scale))
        weight, bias = self.layer.effective_weight(factor), self.layer.bias
        if not machine.on_gpu(weight.device):
            own = [*self.layer.named_parameters(), ("weight", weight)]
            if not (is_finite(weight) and (bias is None or is_finite(bias))):
                named = [(f"{name}.layer.{key}", x) for key, x in own]
                require_finite("weights", named, "Lower the learning rate or load other weights.")
        return Prepared(weight, bias, hold=hold)

    def _shape(self, x: Tensor, prepared: Prepared) -> Tensor:
        steps = x.shape[0]
        x = x.flatten(0, 1)
        for index, module in enumerate(self.before):
            if isinstance(module, Scale) and self.layer is not None:
                continue  # in the weights
            if isinstance(module, nn.AvgPool2d):
                x = pool(x, module)
            elif not isinstance(module, SequenceDropout):
                x = module(x)
            elif self.training:
                per_step = x.unflatten(0, (steps, -1))
                if index not in prepared.masks:
                    prepared.masks[index] = module.draw(per_step[0], prepared.generator)
                x = (per_step * prepared.masks[index]).flatten(0, 1)
        return x

    def forward(
        self,
        value: Tensor,
        prepared: Prepared,
        path: Tensor | None = None,
        *,
        values: Sequence[float] = (),
        grads: Sequence[float] = (),
        fused: bool = True,
    ) -> Tensor:
        """Return W·value[t] + values[t]·b, shape (C, B, *features).

        Args:
            value: Signal that crosses, shape (C, B, *features).
            prepared: From `prepare`, the same for a whole sequence.
            path: If given, the gradient is that of W·path while the result is W·value.
            values: Weight of the bias at each step; empty leaves the bias out.
            grads: Gradient of the bias at each step, as a factor.
            fused: One pass for both (custom backward) instead of two, as published.
        """
        steps, bias = value.shape[0], prepared.bias if values else None
        # A bias that weighs the same at all steps costs nothing inside the convolution.
        same = bias is not None and len({*zip(values, grads, strict=True)}) == 1
        inside = rescale(bias, values[0], grads[0]) if bias is not None and same else None
        try:
            out = self._map(value, path, prepared, inside, fused).unflatten(0, (steps, -1))
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError) as error:  # PyTorch's, of a shape or dtype
            maps = " → ".join(str(m) for m in (*self.before, self.layer) if m is not None)
            raise ValueError(
                f"Expected a signal that fits {maps}, but found shape {tuple(value.shape)} (T, B, "
                f"*features) and {value.dtype} ({error}). Build the network for this shape, and "
                "give input and network one dtype."
            ) from error
        if bias is None or same:
            return out
        per_step = [rescale(bias, v, g) for v, g in zip(values, grads, strict=True)]
        shape = [steps, *(1,) * (out.dim() - 1)]
        channel = self.layer.channel if self.layer is not None else -1
        shape[channel if channel < 0 else channel + 1] = -1
        return out + torch.stack(per_step).view(shape)

    def _map(
        self,
        value: Tensor,
        path: Tensor | None,
        prepared: Prepared,
        bias: Tensor | None,
        fused: bool,
    ) -> Tensor:
        layer, weight = self.layer, prepared.weight
        if path is None:
            x = self._shape(value, prepared)
            return x if layer is None or weight is None else layer.apply_to(x, weight, bias)
        with torch.no_grad():
            x = self._shape(value, prepared)
        y = self._shape(path, prepared)
        if layer is None or weight is None:
            return swap(x, y)
        if fused:
            device = x.device.type
            if torch.is_autocast_enabled(device):  # which does not see into a custom backward
                dtype = torch.get_autocast_dtype(device)
                x, y, weight = x.to(dtype), y.to(dtype), weight.to(dtype)
                bias = None if bias is None else bias.to(dtype)
            return _TwoPaths.apply(x, y, weight, bias, layer)
        with torch.no_grad():
            x = layer.apply_to(x, weight, bias)
        return swap(x, layer.apply_to(y, weight, bias))
