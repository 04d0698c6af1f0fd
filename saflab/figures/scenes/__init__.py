"""Scenes: a few named numbers in, panels out. An explorer is a scene with sliders."""

from saflab.figures.scenes.cost import cost as cost
from saflab.figures.scenes.cost import kept_steps as kept_steps
from saflab.figures.scenes.cost import passes as passes
from saflab.figures.scenes.gradient import angle as angle
from saflab.figures.scenes.gradient import credit as credit
from saflab.figures.scenes.gradient import drift as drift
from saflab.figures.scenes.gradient import flat_gradient as flat_gradient
from saflab.figures.scenes.gradient import gradient as gradient
from saflab.figures.scenes.network import energy as energy
from saflab.figures.scenes.network import player as player
from saflab.figures.scenes.network import small_network as small_network
from saflab.figures.scenes.neuron import INPUTS as INPUTS
from saflab.figures.scenes.neuron import accumulation as accumulation
from saflab.figures.scenes.neuron import clamp as clamp
from saflab.figures.scenes.neuron import current as current
from saflab.figures.scenes.neuron import neuron as neuron
from saflab.figures.scenes.neuron import neuron_record as neuron_record
from saflab.figures.scenes.neuron import surrogate_curve as surrogate_curve
