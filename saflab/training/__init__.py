"""Training: one configuration, one loop that yields events, and checkpoints."""

from saflab.training.checkpoints import CheckpointError as CheckpointError
from saflab.training.config import TrainConfig as TrainConfig
from saflab.training.config import build_model as build_model
from saflab.training.events import Controls as Controls
from saflab.training.events import EpochEnd as EpochEnd
from saflab.training.events import Event as Event
from saflab.training.events import RunEnd as RunEnd
from saflab.training.events import RunStart as RunStart
from saflab.training.events import StepEnd as StepEnd
from saflab.training.fit import fit as fit
from saflab.training.pretrained import pretrained as pretrained
