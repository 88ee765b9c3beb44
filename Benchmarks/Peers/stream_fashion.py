#!/usr/bin/env python3
"""Fashion-MNIST through torchvision's transforms: rotate, pad and crop, normalize. Prints images per second.

    stream_fashion.py DIR        DIR has train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from steady import report
from torchvision_cpu import torchvision

T = torchvision.transforms


class Fashion(Dataset):
    """As torchvision.datasets.FashionMNIST: arrays in memory, a PIL image made for each item."""

    def __init__(self, directory: Path, transform):
        self.images = idx(directory / "train-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)
        self.labels = idx(directory / "train-labels-idx1-ubyte.gz", header=8)
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    transform = T.Compose(
        [
            T.RandomRotation(15, T.InterpolationMode.BILINEAR),
            T.Pad(2),
            T.RandomCrop(28),
            T.ToTensor(),
            T.Normalize([0.5], [0.5]),
        ]
    )
    report("torchvision transforms, DataLoader, 2 workers", Fashion(directory, transform), batch=256)


if __name__ == "__main__":
    main()
