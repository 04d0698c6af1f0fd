"""Analysis: record and evaluate networks, measure cost and energy, and check the theorems."""

from saflab.analysis.cost import VARIANTS as VARIANTS
from saflab.analysis.cost import kept_bytes as kept_bytes
from saflab.analysis.cost import kept_steps as kept_steps
from saflab.analysis.cost import passes as passes
from saflab.analysis.energy import SpikeCounter as SpikeCounter
from saflab.analysis.evaluation import compare as compare
from saflab.analysis.evaluation import evaluate as evaluate
from saflab.analysis.gradient_angles import angle as angle
from saflab.analysis.gradient_angles import credit as credit
from saflab.analysis.gradient_angles import flat_gradient as flat_gradient
from saflab.analysis.gradient_angles import gradient_angle as gradient_angle
from saflab.analysis.gradient_angles import step_angles as step_angles
from saflab.analysis.gradient_angles import step_gradients as step_gradients
from saflab.analysis.recording import record as record
from saflab.analysis.recording import record_neuron as record_neuron
from saflab.analysis.recording import spikes as spikes
from saflab.analysis.theorems import drift as drift
from saflab.analysis.theorems import gradients as gradients
from saflab.analysis.theorems import relative as relative
from saflab.analysis.theorems import verify as verify
