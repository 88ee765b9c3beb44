"""Small PNG and JPEG files in every form Mirage reads, each with the pixels that Pillow gives for it."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # PNG color types
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}

# Adam7: the passes of an interlaced PNG, each (first row, row step, first column, column step).
ADAM7 = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]


def png(samples: np.ndarray, depth: int, color: int, interlaced=False, palette=b"", transparency=b"", gamma=None):
    """The bytes of a PNG of `samples` (height, width, channels), each 0 to 2^depth - 1.

    Written by hand because Pillow cannot write most of these forms.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def rows(part: np.ndarray) -> bytes:
        if part.size == 0:  # a pass of a very small image may be empty; then it has no rows at all
            return b""
        if depth == 16:
            packed = part.astype(">u2").reshape(len(part), -1).view(np.uint8)
        else:
            bits = np.unpackbits(part.astype(np.uint8).reshape(len(part), -1, 1), axis=2)[:, :, 8 - depth :]
            packed = np.packbits(bits.reshape(len(part), -1), axis=1)  # rows start at a whole byte
        return b"".join(b"\0" + row.tobytes() for row in packed)  # filter 0: none

    height, width, channels = samples.shape
    assert channels == CHANNELS[color] and samples.max() < 2**depth
    passes = [samples[y::dy, x::dx] for y, dy, x, dx in ADAM7] if interlaced else [samples]
    file = b"\x89PNG\r\n\x1a\n"
    file += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
    if gamma is not None:
        file += chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))
    if palette:
        file += chunk(b"PLTE", palette)
    if transparency:
        file += chunk(b"tRNS", transparency)
    return file + chunk(b"IDAT", zlib.compress(b"".join(map(rows, passes)), 9)) + chunk(b"IEND", b"")


def png_files(rgb: np.ndarray) -> dict[str, bytes]:
    """`rgb`: height, width, 3; bytes."""
    random = np.random.default_rng(7)
    high, low = rgb.astype(np.uint16) << 8, random.integers(0, 256, rgb.shape, dtype=np.uint16)
    deep = high | low  # 16 bits whose low byte is noise: a reader that rounds instead of cutting it off shows
    alpha = np.linspace(0, 65535, rgb.shape[1]).astype(np.uint16)[None, :, None].repeat(len(rgb), axis=0)
    deep = np.concatenate([deep, alpha], axis=2)
    shallow = (deep >> 8).astype(np.uint8)
    index = rgb[:, :, :1].astype(int)  # palette indices; the palettes have random colors

    def palette(colors: int) -> dict:
        return {"palette": random.integers(0, 256, colors * 3, dtype=np.uint8).tobytes()}

    def transparency(colors: int) -> dict:
        return {"transparency": random.integers(0, 256, colors, dtype=np.uint8).tobytes()}

    files = {
        "gray-1": png(shallow[:, :, :1] >> 7, 1, GRAY),
        "gray-2": png(shallow[:, :, :1] >> 6, 2, GRAY),
        "gray-4": png(shallow[:, :, :1] >> 4, 4, GRAY),
        "gray-8": png(shallow[:, :, :1], 8, GRAY),
        "gray-16": png(deep[:, :, :1], 16, GRAY),
        "gray-alpha-8": png(shallow[:, :, [0, 3]], 8, GRAY_ALPHA),
        "gray-alpha-16": png(deep[:, :, [0, 3]], 16, GRAY_ALPHA),
        "palette-1": png(index >> 7, 1, PALETTE, **palette(2)),
        "palette-2": png(index >> 6, 2, PALETTE, **palette(4)),
        "palette-4": png(index >> 4, 4, PALETTE, **palette(16)),
        "palette-8": png(index, 8, PALETTE, **palette(256)),
        "palette-8-short": png(index % 11, 8, PALETTE, **palette(11)),
        "palette-1-transparent": png(index >> 7, 1, PALETTE, **palette(2), **transparency(2)),
        "palette-4-transparent": png(index >> 4, 4, PALETTE, **palette(16), **transparency(16)),
        # Entries without a transparency of their own are opaque.
        "palette-8-transparent-short": png(index, 8, PALETTE, **palette(256), **transparency(100)),
        "rgb-8": png(shallow[:, :, :3], 8, RGB),
        "rgb-16": png(deep[:, :, :3], 16, RGB),
        "rgba-8": png(shallow, 8, RGB_ALPHA),
        "rgba-16": png(deep, 16, RGB_ALPHA),
        "rgb-8-gamma": png(shallow[:, :, :3], 8, RGB, gamma=1.0),  # says "linear light": nobody applies it
        "rgb-16-gamma": png(deep[:, :, :3], 16, RGB, gamma=1.0),
        "gray-1-interlaced": png(shallow[:, :, :1] >> 7, 1, GRAY, interlaced=True),
        "gray-8-interlaced": png(shallow[:, :, :1], 8, GRAY, interlaced=True),
        "palette-4-interlaced": png(index >> 4, 4, PALETTE, interlaced=True, **palette(16)),
        "rgb-8-interlaced": png(shallow[:, :, :3], 8, RGB, interlaced=True),
        "rgb-8-interlaced-3x2": png(shallow[:2, :3, :3], 8, RGB, interlaced=True),  # has empty passes
        "rgba-16-interlaced": png(deep, 16, RGB_ALPHA, interlaced=True),
    }
    return {f"{name}.png": data for name, data in files.items()}


def write_jpegs(folder: Path, rgb: Image.Image) -> list[str]:
    forms = {
        "gray": (rgb.convert("L"), {}),
        "rgb-444": (rgb, {"subsampling": "4:4:4"}),
        "rgb-422": (rgb, {"subsampling": "4:2:2"}),
        "rgb-420": (rgb, {"subsampling": "4:2:0"}),
        "rgb-420-odd": (rgb.crop((0, 0, 17, 13)), {"subsampling": "4:2:0"}),
        "rgb-progressive": (rgb, {"subsampling": "4:2:0", "progressive": True}),
        "cmyk": (rgb.convert("CMYK"), {}),
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        forms[f"orientation-{orientation}"] = (rgb, {"subsampling": "4:4:4", "exif": exif})
    for name, (image, options) in forms.items():
        image.save(folder / f"{name}.jpg", quality=90, **options)
    return [f"{name}.jpg" for name in forms]


def as_pillow_sees(path: Path, kind: int | None) -> tuple[str, Image.Image]:
    """Pillow's mode, and the pixels upright in 8 bits: L, LA, RGB or RGBA. `kind` is a PNG's color type."""
    image = Image.open(path)
    image.load()
    mode = image.mode
    image = ImageOps.exif_transpose(image)
    if mode == "I;16":
        return mode, Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))  # the high byte
    if kind == GRAY_ALPHA:
        return mode, image.convert("LA")  # Pillow has no 16-bit LA and gives RGBA with three equal channels
    if mode == "P":
        return mode, image.convert("RGBA" if "transparency" in image.info else "RGB")
    return mode, image.convert({"1": "L", "CMYK": "RGB"}.get(mode, mode))


def make_codecs(folder: Path, images: dict[str, Image.Image]) -> list[dict]:
    rgb = images["rgb"].crop((5, 4, 29, 21))  # 24 x 17
    pngs = png_files(np.asarray(rgb))
    for name, data in pngs.items():
        (folder / name).write_bytes(data)
    rows = []
    for name in [*pngs, *write_jpegs(folder, rgb)]:
        kind = pngs[name][25] if name in pngs else None  # byte 25: the color type in IHDR
        mode, image = as_pillow_sees(folder / name, kind)
        pixels = f"{name.replace('.', '-')}-pixels.png"
        image.save(folder / pixels, optimize=True)
        rows.append(
            {
                "file": f"codecs/{name}",
                "mode": mode,
                "width": image.width,
                "height": image.height,
                "pixels": f"codecs/{pixels}",
            }
        )
    return rows
