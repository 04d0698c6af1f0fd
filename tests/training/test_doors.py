"""What people pass to `fit`, `sequence` and the layers by mistake: helpful, or it works."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from saflab import LIF, SAF, Synapse, mlp, sequence
from saflab.network.network import Network
from saflab.training import Controls, TrainConfig, fit
from saflab.training.config import build_model


class Falsy(Network):
    """A network of length 0, as one with `__len__` may be."""

    def __len__(self):
        return 0


def test_fit_wants_a_dataset_and_says_how_to_make_one(small, few):
    loader = DataLoader(TensorDataset(few.train_images, few.train_labels))
    for data in (loader, [few.train_images], None):
        with pytest.raises(ValueError, match=r"saflab\.Dataset, but found .*train_images="):
            fit(small, data)
    with pytest.raises(ValueError, match=r"TrainConfig, but found dict"):
        fit({"rule": "saf_e"}, few)
    with pytest.raises(ValueError, match=r"Controls, but found dict"):
        fit(small, few, controls={})


def test_fit_trains_the_model_that_it_gets_even_if_it_is_falsy(small, few):
    built = build_model(small, few.shape, 10)
    model = Falsy(
        [(s, t, synapse) for (s, t), synapse in zip(built.ends, built.synapses, strict=True)]
    )
    before = [p.clone() for p in model.parameters()]
    list(fit(small, few, model=model))
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_fit_refuses_what_is_not_a_network(small, few):
    compiled = torch.compile(mlp())
    for model in (compiled, nn.Sequential(), 0):
        with pytest.raises(ValueError, match=r"Expected a saflab\.Network as model, but found"):
            fit(small, few, model=model)


@pytest.mark.parametrize("shape", [((1, 9, 9), 10), ((1, 8, 8), 4), ((3,), 10)])
def test_a_model_that_does_not_fit_the_data_leaves_no_folder(small, few, tmp_path, shape):
    with pytest.raises(ValueError, match="Expected "):
        fit(small, few, model=mlp(*shape), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seconds", [float("nan"), -1.0, "30", None, True])
def test_controls_have_a_range(seconds):
    with pytest.raises(ValueError, match="save_every ≥ 0 seconds"):
        Controls(save_every=seconds)
    with pytest.raises(ValueError, match="learning rate"):
        Controls(lr=float("nan"))


@pytest.mark.parametrize("device", ["mps", "meta", "xla"])
def test_devices_that_are_not_supported_say_so(device):
    with pytest.raises(ValueError, match=rf"but found '{device}', which is not supported.*'cpu'"):
        TrainConfig(device=device).torch_device()


@pytest.mark.parametrize("device", ["cuda:-1", "", "cpu:x", None])
def test_what_is_no_device_is_named(device):
    with pytest.raises(ValueError, match=r"Expected a device such as 'cpu' or 'cuda', but found"):
        TrainConfig(device=device).torch_device()


def test_rule_and_update_fit_together_from_the_start():
    with pytest.raises(ValueError, match="update 'sequence' for 'saf_f'"):
        TrainConfig(rule="saf_f", update="step")
    with pytest.raises(ValueError, match="chunk ≥ 1"):
        TrainConfig(rule="ottt_o", chunk=2)
    with pytest.raises(ValueError, match="clamp"):
        TrainConfig(rule="bptt", surrogate="clamp")


def test_sequence_wants_tensors_and_int64_labels():
    network, x, y = mlp((3,), 2, (4,)), torch.rand(4, 5, 3), torch.zeros(5, dtype=torch.int64)
    for wrong in (x.numpy(), x.tolist()):
        with pytest.raises(ValueError, match=r"tensor for x, but found .*as_tensor"):
            list(sequence(network, wrong, y))
    for wrong in (np.zeros(5, int), [0] * 5):
        with pytest.raises(ValueError, match=r"tensor for y, but found .*as_tensor"):
            list(sequence(network, x, wrong))
    with pytest.raises(ValueError, match=r"int64, but found torch\.int32.*y\.long\(\)"):
        list(sequence(network, x, y.int()))
    with pytest.raises(ValueError, match="neither compiled nor wrapped"):
        list(sequence(torch.compile(network), x, y))


def test_layers_take_tau_and_refuse_lists():
    assert LIF(tau=2.0).neuron.decay == 0.5
    for layer in (LIF(), SAF()):
        for wrong in ([[[1.0]]], np.ones((2, 1, 1), np.float32)):
            with pytest.raises(ValueError, match=r"tensor of currents.*as_tensor"):
                layer(wrong)


@pytest.mark.parametrize("module", [nn.Conv2d(1, 2, 3), nn.Linear(3, 3)])
def test_a_synapse_names_its_own_weight_layers(module):
    with pytest.raises(ValueError, match=rf"Use saflab\.{type(module).__name__}\("):
        Synapse(module)
