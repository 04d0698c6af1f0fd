"""Write saflab/data/digits.npz, the digits that travel with the package: python -m tools.digits.

They are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak,
UCI Machine Learning Repository, licence CC BY 4.0), 1,797 images of 8×8 pixels in 0…16, taken from
scikit-learn's `load_digits` (BSD licence) unchanged.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saflab.data.images import DIGITS

__all__ = ["write"]


def write() -> None:
    """Write the file anew from scikit-learn."""
    from sklearn.datasets import load_digits  # only developers have it

    raw: Any = load_digits()
    images = raw.images.astype(np.uint8)
    labels = raw.target.astype(np.uint8)
    np.savez_compressed(DIGITS, images=images, labels=labels)


if __name__ == "__main__":
    write()
    print(DIGITS)
