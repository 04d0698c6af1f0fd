"""The help of `saflab train`: what it does, and a line for each field of `TrainConfig`."""

__all__ = ["DESCRIPTION", "HELP"]

DESCRIPTION = (
    "Train a network. Without options: a small convolutional network by SAF-E on "
    "5,000 CIFAR-10 images where CIFAR-10 is found, else on the digits that come with saflab."
)
HELP = {
    "rule": "training rule: bptt, sltt, ottt_a, ottt_o, saf_e, saf_f, spike_representation",
    "update": "optimizer steps per batch: sequence (one) or step (T); default: the rule's own",
    "trace": "gradient of biases and input: official or full; default: the rule's own",
    "surrogate": "sigmoid, rectangular, triangular, arctan or clamp; default: the rule's own",
    "steps": "time steps T",
    "model": "mlp, convnet (lab size), vgg11 (the papers'), vgg11f (feedback), resnet (skips)",
    "channels": "sizes: three for convnet, one for vgg11 and vgg11f, any number for mlp and resnet",
    "encoder": "constant, poisson or latency",
    "decay": "decay λ of the potential per step, in [0, 1]",
    "threshold": "firing threshold V",
    "epochs": "passes over the training images",
    "batch": "images per batch",
    "lr": "initial learning rate; falls along half a cosine, one value per epoch",
    "momentum": "momentum of SGD",
    "mse": "coefficient of the squared error in the loss",
    "seed": "seed of weights, order and augmentation",
    "device": "auto, cpu, cuda or cuda:N",
    "precision": "float32 or bfloat16",
    "impl": "time loop: auto, reference, cpu or gpu (Triton)",
    "chunk": "time steps per backward pass (OTTT, SAF-E)",
    "cuda_graph": "record the training step as a CUDA graph (CUDA GPU only)",
}
