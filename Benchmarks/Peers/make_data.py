#!/usr/bin/env python3
"""Makes the JPEGs that stream_jpeg.py and the benchmark read, shaped and sized like CelebA's aligned images.

    make_data.py OUT --count 4000

Procedural and seeded by the image's number: an image depends on nothing else. Does nothing if OUT is already complete.
"""

import argparse
import multiprocessing
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT, QUALITY = 178, 218, 92
TEXTURE = 1.5  # standard deviation of the noise: sets the size of the files
README = """{count} procedural images, {width} x {height}, JPEG 4:2:0, quality {quality},
made by make_data.py for benchmarks. They show nothing and nobody.

To the extent possible under law their author has waived all rights: CC0 1.0,
https://creativecommons.org/publicdomain/zero/1.0/
"""


def picture(number: int) -> Image.Image:
    """Soft color, some shapes, fine texture: together about as much detail as a photograph of a face."""
    random = np.random.default_rng(number)
    field = random.integers(20, 236, (6, 5, 3), dtype=np.uint8)
    image = Image.fromarray(field).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = random.integers(0, [WIDTH, HEIGHT])
        w, h = random.integers(6, 60, 2)
        color = tuple(int(v) for v in random.integers(0, 256, 3))
        shape = draw.ellipse if random.random() < 0.7 else draw.rectangle
        shape((x, y, x + w, y + h), fill=color)
    texture = random.normal(0, TEXTURE, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return Image.fromarray((np.asarray(image) + texture).clip(0, 255).astype(np.uint8))


def write(job: tuple[Path, int]) -> int:
    directory, number = job
    path = directory / f"{number:06}.jpg"
    picture(number).save(path, quality=QUALITY, subsampling="4:2:0")
    return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=4000)
    arguments = parser.parse_args()
    text = README.format(count=arguments.count, width=WIDTH, height=HEIGHT, quality=QUALITY)
    if arguments.out.exists():
        readme = arguments.out / "README.txt"
        if readme.exists() and readme.read_text() == text:
            return
        sys.exit(f"{arguments.out} exists and does not hold {arguments.count} images made here: remove it first")
    part = arguments.out.with_name(arguments.out.name + ".part")  # renamed when complete
    part.mkdir(parents=True, exist_ok=True)
    jobs = [(part, number) for number in range(1, arguments.count + 1)]
    with multiprocessing.Pool() as pool:
        sizes = pool.map(write, jobs, chunksize=64)
    (part / "README.txt").write_text(text)
    part.rename(arguments.out)
    print(f"{len(sizes)} images, {sum(sizes) / len(sizes) / 1000:.1f} kB on average")


if __name__ == "__main__":
    main()
