"""The cost of inference: spikes, synaptic operations, and energy with its assumptions.

    additions of a synapse        Σ over spikes of the synapses that the spike reaches
    multiplications of a synapse  synapses, for each step whose input is not spikes
    updates of a population       neurons·T multiply-accumulates (λu + I), spikes additions (−λV)
    without spikes                synapses, once

Assumptions: 32-bit floating point in 45 nm, 4.6 pJ per multiply-accumulate and 0.9 pJ per
addition; hardware that spends nothing on a neuron that does not spike; a real-valued input is
multiplied, once if it is the same at every step. Zero padding is not counted as a synapse, so
networks for small images have fewer than usually stated (vgg11 525 M, not 606 M). Biases, pooling,
activation functions and data movement are left out; the last usually costs more than all
arithmetic.

Reference: Horowitz, "Computing's energy problem", ISSCC 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saflab.network.linear_maps import Conv2d, Scale, SequenceDropout
from saflab.network.network import Network
from saflab.network.synapses import Synapse

__all__ = ["ADD_PJ", "MAC_PJ", "Energy", "LayerCost", "SpikeCounter", "fan_out"]

MAC_PJ, ADD_PJ = 4.6, 0.9


class SpikeCounter:
    """Counts the spikes of each neuron over any number of sequences.

    Call `start` with the input of each sequence, and pass the counter as `observe` to every call
    of the network that follows.

    Args:
        network: The network that runs.
        carrier: What its populations send, as in `Mode`.
    """

    def __init__(self, network: Network, carrier: str = "spikes") -> None:
        self.network, self.carrier = network, carrier
        self.images, self.steps = 0, 0
        self.spikes: dict[int, Tensor] = {}
        self._binary: Tensor | None = None  # on the device: are all inputs 0 or 1?
        self._distinct = 0  # number of steps that have an input of their own
        self._before: dict[int, Tensor] = {}

    def start(self, x: Tensor) -> None:
        """Begin a sequence with encoded input `x`, shape (T, B, *features)."""
        self._before.clear()
        self.steps, self.images = x.shape[0], self.images + x.shape[1]
        once = x[:1] if x.stride(0) == 0 else x  # a constant image is T views of one
        # Stays on the device until `energy` reads it: no synchronisation in each batch.
        binary = ((once == 0) | (once == 1)).all()
        self._binary = binary if self._binary is None else self._binary & binary
        # All batches are encoded in the same way: 1 for a constant image, else T.
        self._distinct = max(self._distinct, len(once))
        self._add(0, once.sum((0, 1), dtype=torch.float64) * (len(x) // len(once)))

    def _add(self, population: int, spikes: Tensor) -> None:
        known = self.spikes.get(population)
        self.spikes[population] = spikes if known is None else known + spikes

    @torch.no_grad()
    def __call__(self, population: int, current: Tensor, out: Tensor) -> None:
        """Add the output of `population`: spikes or accumulations, shape (C, B, *features)."""
        if population == self.network.readout:
            return
        total = out.sum((0, 1), dtype=torch.float64)
        if self.carrier == "accumulation":
            # s[t] = â[t] − λ·â[t−1], so the sum of spikes needs the sums of â now and before.
            last = out[-1].sum(0, dtype=torch.float64)
            before = self._before.get(population, torch.zeros_like(last))
            self._before[population] = last
            total = total - self.network.neuron.decay * (total - last + before)
        self._add(population, total)

    def rates(self) -> list[float]:
        """Return spikes per neuron and step of each population, from 1 on."""
        return [
            float(self.spikes[k].mean()) / (self.images * self.steps)
            for k in range(1, self.network.readout)
        ]

    def energy(self) -> Energy:
        """Return the cost of an image, averaged over those counted.

        Raises:
            ValueError: If nothing was counted.
        """
        if self._binary is None:
            raise ValueError("Expected counted images, but found none. Run some first.")
        network, analog_steps = self.network, 0 if bool(self._binary) else self._distinct
        layers = []
        for target in range(1, network.readout + 1):
            synapses = additions = multiplications = 0.0
            for _, source, synapse in network.incoming(target):
                spikes = self.spikes[source].cpu() / self.images
                reach, macs = fan_out(synapse, tuple(spikes.shape))
                synapses += macs
                if source == 0 and analog_steps:
                    multiplications += macs * analog_steps
                else:
                    additions += float((spikes * reach).sum())
            spiking = target < network.readout
            layers.append(
                LayerCost(
                    name=f"layer {target}" if spiking else "readout",
                    neurons=self.spikes[target].numel() if spiking else 0,
                    spikes=float(self.spikes[target].sum()) / self.images if spiking else 0.0,
                    synapses=synapses,
                    additions=additions,
                    multiplications=multiplications,
                )
            )
        return Energy(steps=self.steps, images=self.images, layers=tuple(layers))


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One layer, per image: its neurons and spikes, and what its incoming synapses compute."""

    name: str
    neurons: int
    spikes: float
    synapses: float
    additions: float
    multiplications: float


@dataclass(frozen=True, kw_only=True)
class Energy:
    """The cost of one image: operations of each layer, energies in nanojoule."""

    steps: int
    images: int
    layers: tuple[LayerCost, ...]

    @property
    def additions(self) -> float:
        """Synaptic operations: additions that spikes cause."""
        return sum(layer.additions for layer in self.layers)

    @property
    def multiplications(self) -> float:
        """Multiply-accumulates of an input that is not spikes."""
        return sum(layer.multiplications for layer in self.layers)

    @property
    def synapses(self) -> float:
        """Multiply-accumulates of the same network without spikes."""
        return sum(layer.synapses for layer in self.layers)

    @property
    def synaptic_nj(self) -> float:
        """Energy of all synapses of the spiking network."""
        return (self.additions * ADD_PJ + self.multiplications * MAC_PJ) / 1000.0

    @property
    def update_nj(self) -> float:
        """Energy of all membrane updates: one multiply-accumulate a step, a reset per spike."""
        neurons = sum(layer.neurons for layer in self.layers)
        spikes = sum(layer.spikes for layer in self.layers)
        return (neurons * self.steps * MAC_PJ + spikes * ADD_PJ) / 1000.0

    @property
    def spiking_nj(self) -> float:
        """Energy of the spiking network."""
        return self.synaptic_nj + self.update_nj

    @property
    def dense_nj(self) -> float:
        """Energy of the same network without spikes, run once."""
        return self.synapses * MAC_PJ / 1000.0

    def table(self) -> str:
        """Return the costs of each layer as text."""
        head = f"{'':<10}{'rate':>7}{'spikes':>11}{'additions':>14}{'multiply-acc.':>15}"
        lines = [head + f"{'without spikes':>16}"]
        for layer in self.layers:
            steps = layer.neurons * self.steps
            rate = f"{layer.spikes / steps:.3f}" if steps else "–"
            lines.append(
                f"{layer.name:<10}{rate:>7}{layer.spikes:>11,.0f}{layer.additions:>14,.0f}"
                f"{layer.multiplications:>15,.0f}{layer.synapses:>16,.0f}"
            )
        lines.append(
            f"Energy per image (T = {self.steps}): spiking {self.spiking_nj:,.1f} nJ, of it "
            f"{self.synaptic_nj:,.1f} synapses and {self.update_nj:,.1f} membranes; without spikes "
            f"{self.dense_nj:,.1f} nJ."
        )
        lines.append(
            f"Assumed: {MAC_PJ} pJ per multiply-accumulate, {ADD_PJ} pJ per addition (32 bit, "
            "45 nm, Horowitz 2014); a neuron that does not spike costs nothing; no data movement, "
            "biases or pooling."
        )
        return "\n".join(lines)


def fan_out(synapse: Synapse, shape: tuple[int, ...]) -> tuple[Tensor, float]:
    """Return the synapses that each source neuron reaches, and the synapses in all.

    A spike passes a pooling into its window and reaches the synapses of that window's average;
    without spikes a window is averaged first and multiplied once.

    Args:
        synapse: Any synapse.
        shape: Of one image at the source, (*features).

    Raises:
        ValueError: If the synapse holds a pooling whose windows cannot be counted.
    """
    with torch.enable_grad():
        x = torch.zeros(1, *shape, dtype=torch.float64, requires_grad=True)
        pooled = x
        for module in synapse.before:
            pooled = _pass_on(module, pooled)
        layer = synapse.layer
        if layer is None:
            reached = pooled.sum()
        elif isinstance(layer, Conv2d):
            ones = torch.ones_like(layer.weight[:1], dtype=torch.float64, device="cpu")
            one = F.conv2d(pooled, ones, None, layer.stride, layer.padding)
            reached = one.sum() * layer.out_channels
        else:
            reached = pooled.sum() * layer.out_features
        # The map is linear with weights of one, so its gradient counts synapses.
        at_source, at_pool = torch.autograd.grad(reached, (x, pooled))
    return at_source[0], float(at_pool.sum())


def _pass_on(module: nn.Module, x: Tensor) -> Tensor:
    """Apply `module` with sums in place of averages, so that spikes are counted."""
    if isinstance(module, Scale | SequenceDropout | nn.Identity):
        return x
    if isinstance(module, nn.Flatten):
        return module(x)
    if isinstance(module, nn.AvgPool2d):
        return F.avg_pool2d(
            x,
            module.kernel_size,
            module.stride,
            module.padding,
            module.ceil_mode,
            divisor_override=1,
        )
    if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
        return x.sum((-2, -1), keepdim=True)
    raise ValueError(
        f"Expected AvgPool2d or AdaptiveAvgPool2d(1), but found {module}, whose synapses are not "
        "counted here."
    )
