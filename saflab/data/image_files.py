"""One image file: read as RGB exactly, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from saflab.data.dataset import DataError
from saflab.data.folders import printable

__all__ = ["MAX_PIXELS", "SUFFIXES", "read_image"]

SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_PIXELS = 2**24  # an image of 4096×4096; a small file can claim to hold far more


def read_image(path: Path) -> np.ndarray:
    """Return a JPEG or PNG image as RGB, turned upright as its EXIF tag says.

    Grey, palette and CMYK become RGB; of 16 bits the upper 8 are kept. An alpha channel is dropped
    if every pixel is opaque and refused otherwise, since the result depends on a background.

    Args:
        path: The file. Its content counts, not its name.

    Returns:
        uint8, shape (H, W, 3).

    Raises:
        DataError: If the file cannot be read, is damaged, too large, partly transparent or in a
            format of another kind; names the file.
    """
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path, f"{image.width}×{image.height} pixels")
            return _rgb(ImageOps.exif_transpose(image), path)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, str(error)) from error
    except PermissionError as error:
        raise DataError(
            f"Expected an image that can be read, but found {printable(path)} closed "
            f"({error.strerror}). Ask for permission, or delete the file."
        ) from error
    except Exception as error:  # Pillow has errors of many kinds for damaged files
        raise DataError(
            f"Expected a readable JPEG or PNG image, but found {printable(path)} damaged or of "
            f"another format ({type(error).__name__}: {printable(str(error))}). Unpack the archive "
            "again, convert the file, or delete it."
        ) from error


def _too_large(path: Path, found: str) -> DataError:
    return DataError(
        f"Expected an image of at most {MAX_PIXELS:,} pixels, but found {printable(path)} with "
        f"{found}. Resize or delete it."
    )


def _rgb(image: Image.Image, path: Path) -> np.ndarray:
    if image.mode.startswith("I"):  # grey of 16 bits, which Pillow's own conversion would clip
        values = np.asarray(image).astype(np.int64)
        if (values == image.info.get("transparency", -1)).any():
            raise _transparent(path)
        if image.mode == "I" and not 0 <= values.min() <= values.max() < 2**16:
            raise ValueError("grey values beyond 16 bits")
        return np.repeat((values >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"):
        raise ValueError(f"pixels of mode {image.mode}")
    if image.has_transparency_data:
        pixels = np.asarray(image.convert("RGBA"))
        if (pixels[..., 3] < 255).any():
            raise _transparent(path)
        return np.ascontiguousarray(pixels[..., :3])
    return np.asarray(image.convert("RGB"))


def _transparent(path: Path) -> DataError:
    return DataError(
        f"Expected an opaque image, but found {printable(path)} with transparent pixels. Put it on "
        "a background of your choice and save it without alpha channel."
    )
