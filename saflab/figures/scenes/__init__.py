"""Scenes: a few named numbers in, panels out. An explorer is a scene with sliders."""

from saflab.figures.scenes.cost import cost as cost
from saflab.figures.scenes.gradient import drift as drift
from saflab.figures.scenes.gradient import gradient as gradient
from saflab.figures.scenes.network import energy as energy
from saflab.figures.scenes.network import player as player
from saflab.figures.scenes.neuron import INPUTS as INPUTS
from saflab.figures.scenes.neuron import accumulation as accumulation
from saflab.figures.scenes.neuron import clamp as clamp
from saflab.figures.scenes.neuron import current as current
from saflab.figures.scenes.neuron import neuron as neuron
from saflab.figures.scenes.neuron import neuron_record as neuron_record
from saflab.figures.scenes.neuron import surrogate_curve as surrogate_curve
