"""Trained weights that come with saflab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from saflab.data.inputs import Inputs
from saflab.files import replacing
from saflab.network.network import Network
from saflab.network.wiring import rebuild, wiring
from saflab.neurons import LIFParams
from saflab.training.checkpoints import restore

__all__ = ["WEIGHTS", "Pretrained", "pretrained", "save_pretrained"]

WEIGHTS = Path(__file__).with_name("weights")


class Pretrained(NamedTuple):
    """A trained network, how uint8 images become its input, and how it was made."""

    network: Network
    inputs: Inputs
    card: dict[str, Any]


def pretrained(name: str) -> Pretrained:
    """Return the trained network called `name`: a new copy each time, in evaluation mode.

    `"digits"` is the fully connected network 64-64-48-10 for `saflab.data.digits`, trained with
    SAF-E at λ = 1/2, V = 1. Its weights are multiples of 1/64, so that for T ≤ 8 every sum is
    exact in float32: it gives the same spikes and readouts on every processor, and as SAF and LIF.

    Args:
        name: Name of a file in `saflab/training/weights`; each has a card beside it.

    Raises:
        ValueError: If there is no such network.

    >>> from saflab.data import digits
    >>> network, inputs, card = pretrained("digits")
    >>> o, _ = network(inputs(digits().test_images[:5]))
    >>> o.sum(0).argmax(-1).tolist(), digits().test_labels[:5].tolist()
    ([2, 4, 8, 4, 9], [2, 4, 8, 4, 9])
    """
    known = sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))
    if name not in known:
        raise ValueError(f"Expected a pretrained network in {known}, but found {name!r}.")
    from safetensors import safe_open  # only who asks for weights waits for it

    with safe_open(WEIGHTS / f"{name}.safetensors", "pt") as file:
        about = json.loads(file.metadata()["saflab"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    network = rebuild(about["wiring"], LIFParams(**about["neuron"]))
    restore(network, weights)
    given = about["inputs"] | {k: tuple(about["inputs"][k]) for k in ("mean", "std")}
    return Pretrained(network.eval(), Inputs(**given), about["card"])


def save_pretrained(path: Path, made: Pretrained) -> None:
    """Write a network that `pretrained` can read: weights, wiring, input and card in one file."""
    from safetensors.torch import save

    network, inputs, card = made
    neuron = {"decay": network.neuron.decay, "threshold": network.neuron.threshold}
    about = {
        "wiring": wiring(network), "neuron": neuron, "inputs": vars(inputs), "card": card,
    }  # fmt: skip
    with replacing(path) as temporary:
        text = {"saflab": json.dumps(about, ensure_ascii=False)}
        temporary.write_bytes(save(network.state_dict(), text))
