"""Image files as people have them, each with the pixels it must be read as, or None if refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (4, 6)  # rows, columns
Picture = Callable[[np.random.Generator, Path], np.ndarray | None]


def chunk(kind: bytes, data: bytes) -> bytes:
    length, checksum = len(data), zlib.crc32(kind + data)
    return struct.pack(">I", length) + kind + data + struct.pack(">I", checksum)


def png(values: np.ndarray, bits: int = 8, extra: bytes = b"", size=None) -> bytes:
    """Return a PNG file of grey or RGB values, as bytes that Pillow did not write."""

    height, width = size or values.shape[:2]
    kind = 0 if values.ndim == 2 else {2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = values.astype(">u2" if bits == 16 else "u1").reshape(len(values), -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))  # fmt: skip


def transparent_colour(values) -> bytes:
    """Return a tRNS chunk: this grey or colour is transparent."""
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


def colours(rng, channels: int = 3, high: int = 256) -> np.ndarray:
    return rng.integers(0, high, (*SIZE, channels))


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2)


def plain(rng, path):
    pixels = colours(rng)
    Image.fromarray(pixels.astype(np.uint8)).save(path, "PNG")
    return pixels


def grey_8(rng, path):
    pixels = colours(rng)[..., 0]
    path.write_bytes(png(pixels))
    return grey(pixels)


def black_and_white(rng, path):
    pixels = colours(rng, 1, 2)[..., 0]
    Image.fromarray(pixels.astype(bool)).save(path, "PNG")
    return grey(255 * pixels)


def grey_16(rng, path):
    pixels = colours(rng, 1, 65536)[..., 0]
    pixels[0, :2] = 255, 65535
    path.write_bytes(png(pixels, 16))
    return grey(pixels // 256)


def colours_16(rng, path):
    pixels = colours(rng, 3, 65536)
    path.write_bytes(png(pixels, 16))
    return pixels // 256


def grey_16_transparent(rng, path):
    pixels = colours(rng, 1, 65536)[..., 0]
    path.write_bytes(png(pixels, 16, transparent_colour([pixels[1, 1]])))


def palette(rng, path, alpha=()):
    table, index = rng.integers(0, 256, (8, 3)), colours(rng, 1, 5)[..., 0]
    image = Image.fromarray(index.astype(np.uint8), mode=None).convert("P")
    image.putdata(index.flatten().tolist())
    image.putpalette(table.astype(np.uint8).tobytes())
    image.save(path, "PNG", **({"transparency": bytes(alpha)} if alpha else {}))
    return table[index]


def palette_with_unused_transparency(rng, path):
    return palette(rng, path, [255] * 6 + [0, 255])


def palette_transparent(rng, path):
    palette(rng, path, [0] * 5)


def alpha_opaque(rng, path):
    pixels = colours(rng, 4)
    pixels[..., 3] = 255
    path.write_bytes(png(pixels))
    return pixels[..., :3]


def alpha(rng, path):
    pixels = colours(rng, 4)
    pixels[1, 2, 3] = 254
    path.write_bytes(png(pixels))


def grey_alpha(rng, path):
    pixels = colours(rng, 2)
    pixels[0, 0, 1] = 0
    path.write_bytes(png(pixels))


def colour_transparent(rng, path):
    pixels = colours(rng)
    path.write_bytes(png(pixels, extra=transparent_colour(pixels[2, 3])))


def unused_colour_transparent(rng, path):
    pixels = colours(rng, 3, 200)
    path.write_bytes(png(pixels, extra=transparent_colour([255, 255, 255])))
    return pixels


TURNS = {  # EXIF tag: what was done to the upright image
    2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud, 5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, 1), 7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x, -1),
}  # fmt: skip


def turned(rng, path):
    tag = int(rng.integers(2, 9))
    pixels, exif = colours(rng), Image.Exif()
    exif[0x0112] = tag
    stored = np.ascontiguousarray(TURNS[tag](pixels).astype(np.uint8))
    Image.fromarray(stored).save(path, "PNG", exif=exif)
    return pixels


def jpeg(rng, path):
    """One colour, which JPEG keeps but for rounding."""
    colour = rng.integers(0, 256, 3)
    pixels = np.broadcast_to(colour, (*SIZE, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(path, "JPEG", quality=100, subsampling=0)
    return pixels


def jpeg_turned(rng, path):
    """Left half one colour, right half another, stored on its side as a telephone does."""
    pixels, exif = np.zeros((*SIZE, 3), int), Image.Exif()
    pixels[:, 3:] = 255
    exif[0x0112] = 6
    stored = np.ascontiguousarray(np.rot90(pixels).astype(np.uint8))
    Image.fromarray(stored).save(path, "JPEG", quality=100, subsampling=0, exif=exif)
    return pixels


def cmyk(rng, path):
    inks = rng.integers(0, 256, 4)
    Image.new("CMYK", SIZE[::-1], tuple(inks.tolist())).save(path, "JPEG", quality=100)
    return np.broadcast_to((255 - inks[:3]) * (255 - inks[3]) / 255, (*SIZE, 3))


def truncated(rng, path):
    plain(rng, path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(rng.integers(0, len(raw) - 20))])


def rubbish(rng, path):
    path.write_bytes(rng.bytes(int(rng.integers(0, 60))))


def another_format(rng, path):
    Image.fromarray(colours(rng).astype(np.uint8)).save(path, "GIF")


def bomb(rng, path):
    side = int(rng.choice([4097, 10_000, 60_000]))
    path.write_bytes(png(colours(rng), size=(side, side)))


def another_size(rng, path):
    Image.new("RGB", (SIZE[1], SIZE[0] + 1)).save(path, "PNG")


READ: list[Picture] = [
    plain, grey_8, black_and_white, grey_16, colours_16, palette, palette_with_unused_transparency,
    alpha_opaque, unused_colour_transparent, turned, jpeg, jpeg_turned, cmyk,
]  # fmt: skip
REFUSED: list[Picture] = [
    grey_16_transparent, palette_transparent, alpha, grey_alpha, colour_transparent, truncated,
    rubbish, another_format, bomb, another_size,
]  # fmt: skip
