"""Data: datasets by name, images and event recordings, and how they become network input."""

from saflab.data.augment import augment as augment
from saflab.data.batches import Batches as Batches
from saflab.data.catalogue import DATASETS as DATASETS
from saflab.data.catalogue import load as load
from saflab.data.cifar import cifar as cifar
from saflab.data.dataset import DataError as DataError
from saflab.data.dataset import Dataset as Dataset
from saflab.data.encoders import ENCODERS as ENCODERS
from saflab.data.encoders import constant as constant
from saflab.data.encoders import encode as encode
from saflab.data.encoders import latency as latency
from saflab.data.encoders import poisson as poisson
from saflab.data.event_cameras import event_frames as event_frames
from saflab.data.images import digits as digits
from saflab.data.images import image_folder as image_folder
from saflab.data.inputs import Inputs as Inputs
from saflab.data.inputs import normalise as normalise
