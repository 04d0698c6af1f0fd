"""Networks: populations of neurons, and the synapses that connect them."""

from saflab.network.layers import LIF as LIF
from saflab.network.layers import OTTT as OTTT
from saflab.network.layers import SAF as SAF
from saflab.network.linear_maps import Conv2d as Conv2d
from saflab.network.linear_maps import Linear as Linear
from saflab.network.linear_maps import Scale as Scale
from saflab.network.linear_maps import SequenceDropout as SequenceDropout
from saflab.network.linear_maps import standardise as standardise
from saflab.network.network import Connection as Connection
from saflab.network.network import Network as Network
from saflab.network.network import NetworkState as NetworkState
from saflab.network.prepared import Prepared as Prepared
from saflab.network.synapses import Synapse as Synapse
