"""The configuration of a training run: one frozen dataclass, printed in every log."""

from __future__ import annotations

import os
from dataclasses import InitVar, dataclass
from numbers import Integral, Real
from typing import Any

import torch

from saflab.data.batches import mixed_seed
from saflab.data.encoders import ENCODERS
from saflab.models import MODELS, SIZES, build
from saflab.network.network import Network
from saflab.neurons import DEFAULT_DECAY, LIFParams, decay_of
from saflab.ops import IMPLEMENTATIONS
from saflab.rules import Rule, get_rule, mode_of

__all__ = ["TrainConfig", "build_model", "local_rank"]

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that determines a training run, apart from the data themselves.

    Args:
        rule: One of `RULES`.
        update: Optimizer steps per batch, "sequence" or "step"; None takes the rule's own.
        trace: Gradient of biases and input, "official" or "full"; None takes the rule's own.
        surrogate: One of `SURROGATES`; None takes the rule's own.
        steps: Time steps T ≥ 1.
        model: One of `MODELS`.
        channels: Sizes: three for convnet, one for vgg11 and vgg11f (the first layer's), any number
            for mlp and resnet; None takes the model's own.
        encoder: One of `ENCODERS`.
        decay: λ in [0, 1].
        threshold: V > 0.
        epochs: Passes over the training images, ≥ 1.
        batch: Images per batch, ≥ 1.
        lr: Initial learning rate; falls along half a cosine, one value per epoch.
        momentum: Of SGD, in [0, 1).
        mse: Coefficient of the squared error in the loss, in [0, 1].
        augmentation: Random crop, cutout and flip.
        seed: Of initial weights, order of images, augmentation, encoding and dropout. Each has a
            generator of its own, seeded for every step by `mixed_seed`; the global generators of
            PyTorch, NumPy and Python are neither read nor changed.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "float32", or "bfloat16" for autocast.
        impl: Implementation of the time loop.
        chunk: Time steps per backward pass for OTTT and SAF-E.
        cuda_graph: Record the training step as a CUDA graph; needs a CUDA GPU.
        tau: Time constant τ ≥ 1 in steps, in place of `decay`: λ = 1 − 1/τ.

    Raises:
        ValueError: If a value lies outside its range.
    """

    rule: str = "saf_e"
    update: str | None = None
    trace: str | None = None
    surrogate: str | None = None
    steps: int = 4
    model: str = "convnet"
    channels: tuple[int, ...] | None = None
    encoder: str = "constant"
    decay: float = DEFAULT_DECAY
    threshold: float = 1.0
    epochs: int = 3
    batch: int = 50
    lr: float = 0.1
    momentum: float = 0.9
    mse: float = 0.05
    augmentation: bool = True
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    impl: str = "auto"
    chunk: int = 1
    cuda_graph: bool = False
    tau: InitVar[float | None] = None

    def __post_init__(self, tau: float | None) -> None:
        object.__setattr__(self, "decay", decay_of(self.decay, tau))
        get_rule(self.rule)
        LIFParams(decay=self.decay, threshold=self.threshold, surrogate=self.surrogate or "sigmoid")
        choices = {
            "update": (self.update, (None, "sequence", "step")),
            "trace": (self.trace, (None, "official", "full")),
            "model": (self.model, tuple(MODELS)),
            "encoder": (self.encoder, tuple(ENCODERS)),
            "precision": (self.precision, PRECISIONS),
            "impl": (self.impl, IMPLEMENTATIONS),
        }
        for name, (found, allowed) in choices.items():
            if found not in allowed:
                raise ValueError(
                    f"Expected {name} in {list(allowed)}, but found {found!r}. Choose one."
                )
        for name in ("steps", "epochs", "batch", "chunk"):
            found = getattr(self, name)
            if not (isinstance(found, Integral) and found is not True and 1 <= int(found) < 2**31):
                raise ValueError(f"Expected {name} ≥ 1, but found {found!r}. Use a whole number.")
        if not (isinstance(self.lr, Real) and 0.0 <= self.lr <= 1e30):  # a float32
            raise ValueError(
                f"Expected a finite learning rate lr in [0, 1e30], but found {self.lr!r}. Use 0.1."
            )
        if not (isinstance(self.momentum, Real) and 0.0 <= self.momentum < 1.0):
            raise ValueError(
                f"Expected a momentum in [0, 1), but found {self.momentum!r}. Use e.g. 0.9."
            )
        if not (isinstance(self.mse, Real) and 0.0 <= self.mse <= 1.0):
            raise ValueError(f"Expected mse in [0, 1], but found {self.mse!r}. Use e.g. 0.05.")
        if not (isinstance(self.seed, Integral) and -(2**63) <= self.seed < 2**63):
            raise ValueError(
                f"Expected a seed of at most 64 bits, but found {self.seed!r}. Use e.g. 0."
            )
        mode_of(self.rule_with_changes(), surrogate=self.surrogate, impl=self.impl)
        sizes = self.channels
        if sizes is not None and not (
            isinstance(sizes, tuple)
            and all(isinstance(c, Integral) and 1 <= int(c) < 2**31 for c in sizes)
        ):
            raise ValueError(
                f"Expected channels as a tuple of sizes in 1…2³¹−1, but found {sizes!r}. Leave it "
                "out for the model's own."
            )

    def rule_with_changes(self) -> Rule:
        """Return the rule with this configuration's update, trace and chunk.

        Raises:
            ValueError: If they do not fit together.
        """
        rule = get_rule(self.rule, update=self.update, trace=self.trace)
        return get_rule(rule, chunk=self.chunk) if rule.graph == "step" else rule

    def torch_device(self) -> torch.device:
        """Return the device that `device` means here.

        Raises:
            ValueError: If it is neither the CPU nor a CUDA device that is there.
        """
        own = local_rank()  # which GPU torchrun gives this process
        if self.device == "auto":
            return torch.device("cuda", own) if torch.cuda.is_available() else torch.device("cpu")
        try:
            device = torch.device(self.device)
        except Exception as error:  # a name, a number and a pair fail each in its own way
            raise ValueError(
                f"Expected a device such as 'cpu' or 'cuda', but found {self.device!r}. Use 'auto' "
                "for a GPU where there is one."
            ) from error
        if device.type == "cpu":
            return torch.device("cpu")
        if device.type != "cuda":
            raise ValueError(
                f"Expected a CPU or CUDA device, but found {self.device!r}, which is not "
                "supported: losses are added up in float64, and the kernels need CUDA. Use "
                "device='cpu'."
            )
        if not torch.cuda.is_available():
            raise ValueError(
                f"Expected a CUDA GPU for device={self.device!r}, but found none. Use device='cpu'."
            )
        if self.device == "cuda":
            device = torch.device("cuda", own)
        if (device.index or 0) >= (count := torch.cuda.device_count()):
            raise ValueError(
                f"Expected a CUDA device below {count}, but found {device}. Use 'cuda:0', or start "
                "as many processes as there are GPUs."
            )
        return device

    def neuron(self) -> LIFParams:
        """Return the constants of the neurons."""
        return LIFParams(decay=self.decay, threshold=self.threshold)


def local_rank() -> int:
    """Return the number that torchrun gives this process on its machine, else 0.

    Raises:
        ValueError: If LOCAL_RANK is not a number.
    """
    found = os.environ.get("LOCAL_RANK", "0")
    if not found.isdecimal():
        raise ValueError(
            f"Expected a whole number in LOCAL_RANK, as torchrun sets it, but found {found!r}. "
            "Unset it to train in one process."
        )
    return int(found)


def build_model(config: TrainConfig, shape: tuple[int, ...], classes: int) -> Network:
    """Return the network of `config`, on the CPU, its weights drawn from the seed alone."""
    sizes: dict[str, Any] = {"neuron": config.neuron()}
    if config.channels is not None:
        name, count = SIZES[config.model]
        if count is not None and len(config.channels) != count:
            raise ValueError(
                f"Expected {count} channels for {config.model}, but found {config.channels}. Pass "
                f"{count}, or leave them out."
            )
        sizes[name] = config.channels[0] if name == "width" else config.channels
    generator = torch.Generator().manual_seed(mixed_seed("weights", config.seed))
    return build(config.model, shape, classes, generator=generator, **sizes)
