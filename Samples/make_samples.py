#!/usr/bin/env python3
"""Cuts Samples/fashion-mnist from the whole of Fashion-MNIST, and writes its README with origin and license.

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


README = """# Samples

A small real dataset for the quickstart and the tests, written by `make_samples.py`.

## fashion-mnist

The first {train:,} training images and the first {t10k:,} test images of Fashion-MNIST, with their labels, in its own
format (IDX, gzip): 28 × 28 gray images of articles of clothing. `classes.txt` holds the names of classes 0 to 9, one
per line. Only the number of images differs from the original.

- Origin: <https://github.com/zalandoresearch/fashion-mnist>, through Debian's package `dataset-fashion-mnist`.
- Paper: Han Xiao, Kashif Rasul, Roland Vollgraf, *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
  Learning Algorithms*, 2017, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747).
- License: MIT, as follows.

> The MIT License (MIT)
>
> Copyright © 2017 Zalando SE, https://tech.zalando.com
>
> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
> documentation files (the “Software”), to deal in the Software without restriction, including without limitation the
> rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
> persons to whom the Software is furnished to do so, subject to the following conditions:
>
> The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
> Software.
>
> THE SOFTWARE IS PROVIDED “AS IS”, WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
> WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
> COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
> OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def main() -> None:
    out = HERE / "fashion-mnist"
    out.mkdir(exist_ok=True)
    for split, count in KEEP.items():
        for kind in ("images-idx3", "labels-idx1"):
            name = f"{split}-{kind}-ubyte.gz"
            part = first(count, gzip.decompress((ORIGIN / name).read_bytes()))
            (out / name).write_bytes(gzip.compress(part, 9, mtime=0))  # no name and no time: reproducible
    (out / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    (HERE / "README.md").write_text(README.format(**KEEP))


if __name__ == "__main__":
    main()
