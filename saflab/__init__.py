"""Spike accumulation forwarding (SAF): a library and a course on training spiking networks.

`import saflab` loads nothing else; a name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saflab.analysis import compare as compare  # SAF against LIF, spike by spike
    from saflab.analysis import evaluate as evaluate  # accuracy, firing rates, energy
    from saflab.analysis import record as record  # every u, s, â and Û of a network
    from saflab.analysis import record_neuron as record_neuron  # the same of one neuron
    from saflab.analysis import verify as verify  # every theorem, measured in float64
    from saflab.course import checks as checks  # the checks of the course's exercises
    from saflab.data import Dataset as Dataset  # images and labels of a task
    from saflab.data import Inputs as Inputs  # from uint8 images to input over time
    from saflab.data import encode as encode  # constant, Poisson or latency code
    from saflab.data import load as load  # a dataset by its name
    from saflab.gradients import loss_fn as loss_fn  # ℓ(o, y)
    from saflab.gradients import predict as predict  # argmax Σ o[t]
    from saflab.gradients import sequence as sequence  # one batch under any rule
    from saflab.models import MODELS as MODELS  # the named networks
    from saflab.models import build as build  # a named network for any input
    from saflab.models import convnet as convnet  # the lab network for CIFAR-10
    from saflab.models import mlp as mlp  # fully connected
    from saflab.models import resnet as resnet  # skip connections
    from saflab.models import vgg11 as vgg11  # the publications' network
    from saflab.network import LIF as LIF  # one population as a layer: spikes in and out
    from saflab.network import OTTT as OTTT  # spikes and traces
    from saflab.network import SAF as SAF  # accumulations
    from saflab.network import Connection as Connection  # a synapse between two populations
    from saflab.network import Conv2d as Conv2d  # a convolutional synapse
    from saflab.network import Linear as Linear  # a fully connected synapse
    from saflab.network import Network as Network  # a network for every rule
    from saflab.network import Synapse as Synapse  # a time-invariant affine map
    from saflab.neurons import SURROGATES as SURROGATES  # the surrogate derivatives
    from saflab.neurons import LIFParams as LIFParams  # decay, threshold, surrogate
    from saflab.rules import RULES as RULES  # the training rules
    from saflab.rules import mode_of as mode_of  # how a network runs under a rule
    from saflab.training import Controls as Controls  # pause, stop, steer a training
    from saflab.training import TrainConfig as TrainConfig  # all options of a training
    from saflab.training import fit as fit  # a training as a stream of events
    from saflab.training import pretrained as pretrained  # trained weights that come with saflab

__version__ = "0.2.0"

# Where each public name above comes from.
_HOMES = {
    "saflab.analysis": ("compare", "evaluate", "record", "record_neuron", "verify"),
    "saflab.course": ("checks",),
    "saflab.data": ("Dataset", "Inputs", "encode", "load"),
    "saflab.gradients": ("loss_fn", "predict", "sequence"),
    "saflab.models": ("MODELS", "build", "convnet", "mlp", "resnet", "vgg11"),
    "saflab.network": (
        "LIF", "OTTT", "SAF", "Connection", "Conv2d", "Linear", "Network", "Synapse"),
    "saflab.neurons": ("SURROGATES", "LIFParams"),
    "saflab.rules": ("RULES", "mode_of"),
    "saflab.training": ("Controls", "TrainConfig", "fit", "pretrained"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [*_HOME, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        home = importlib.import_module(_HOME[name])
        found = getattr(home, name, None) or importlib.import_module(f"{_HOME[name]}.{name}")
        globals()[name] = found
        return found
    raise AttributeError(f"module 'saflab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
