#!/usr/bin/env python3
"""Cuts Samples/fashion-mnist from the whole of Fashion-MNIST.

    apt install dataset-fashion-mnist
    python3 Samples/make_samples.py

Needs nothing but Python. The same input gives the same files, byte for byte, with the same version of zlib.
"""

import gzip
import struct
from pathlib import Path

ORIGIN = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts the four .gz files
HERE = Path(__file__).resolve().parent
KEEP = {"train": 3000, "t10k": 1000}
CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def first(count: int, idx: bytes) -> bytes:
    """The same IDX file with only its first `count` items: the magic, a smaller first dimension, fewer rows."""
    dimensions = idx[3]  # bytes 0 to 3: two zeros, the type (8: unsigned byte), the number of dimensions
    assert idx[:3] == b"\0\0\x08", "not an IDX file of unsigned bytes"
    total, *item = struct.unpack_from(f">{dimensions}I", idx, 4)
    assert total >= count, f"only {total} items"
    size = count
    for length in item:
        size *= length
    data = 4 + 4 * dimensions
    return idx[:4] + struct.pack(">I", count) + idx[8:data] + idx[data : data + size]


def main() -> None:
    out = HERE / "fashion-mnist"
    out.mkdir(exist_ok=True)
    for split, count in KEEP.items():
        for kind in ("images-idx3", "labels-idx1"):
            name = f"{split}-{kind}-ubyte.gz"
            part = first(count, gzip.decompress((ORIGIN / name).read_bytes()))
            (out / name).write_bytes(gzip.compress(part, 9, mtime=0))  # no name and no time: reproducible
    (out / "classes.txt").write_text("\n".join(CLASSES) + "\n")


if __name__ == "__main__":
    main()
