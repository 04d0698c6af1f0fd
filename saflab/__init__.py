"""Spike accumulation forwarding (SAF): a library and a course on training spiking networks."""

from saflab.layers import LIF as LIF
from saflab.layers import OTTT as OTTT
from saflab.layers import SAF as SAF
from saflab.network import Connection as Connection
from saflab.network import Network as Network
from saflab.neurons import LIFParams as LIFParams
from saflab.record import record as record
from saflab.record import record_neuron as record_neuron
from saflab.rules import RULES as RULES

__version__ = "0.1.0"
