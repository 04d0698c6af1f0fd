"""Explorers and the live trainer: sliders, a scene of `saflab.figures`, and a picture.

Raises:
    ImportError: If ipywidgets or anywidget, of the extra `course`, is not installed.
"""

from saflab.machine import optional

with optional("course"):
    from saflab.widgets.explorer import Explorer as Explorer
    from saflab.widgets.explorers import AccumulationExplorer as AccumulationExplorer
    from saflab.widgets.explorers import ClampExplorer as ClampExplorer
    from saflab.widgets.explorers import CostExplorer as CostExplorer
    from saflab.widgets.explorers import DriftExplorer as DriftExplorer
    from saflab.widgets.explorers import EnergyExplorer as EnergyExplorer
    from saflab.widgets.explorers import GradientExplorer as GradientExplorer
    from saflab.widgets.explorers import NetworkPlayer as NetworkPlayer
    from saflab.widgets.explorers import SurrogateExplorer as SurrogateExplorer
    from saflab.widgets.live_trainer import LiveTrainer as LiveTrainer
    from saflab.widgets.neuron_explorer import NeuronExplorer as NeuronExplorer
