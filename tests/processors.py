"""Older processors, as PyTorch, oneDNN and MKL emulate them; run as a program, the digits' bits."""

import hashlib
from dataclasses import replace

PROCESSORS = {
    "SSE4": {
        "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    },
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
}  # fmt: skip


def digest() -> str:
    """Return the SHA-256 of all that the pretrained digits network does on the test images."""
    from saflab import pretrained, record
    from saflab.data import digits

    network, inputs, _ = pretrained("digits")
    seen = record(network, replace(inputs, steps=8)(digits().test_images), "saf_e")
    data = [seen.readout, *(getattr(p, q) for p in seen.populations for q in "usaU")]
    return hashlib.sha256(b"".join(x.numpy().tobytes() for x in data)).hexdigest()


if __name__ == "__main__":
    print(digest())
