#!/usr/bin/env python3
"""178 x 218 JPEGs: decode, rotate, crop, resize to 64 x 64, flip, scale to [-1, 1]. Prints images per second.

    stream_jpeg.py DIR --library torchvision      torchvision.transforms.v2 on Pillow images
    stream_jpeg.py DIR --library albumentations   Albumentations on OpenCV images
"""

import argparse
import os
from pathlib import Path

from torch.utils.data import Dataset

from steady import report


def with_torchvision():
    import torch
    from PIL import Image

    from torchvision_cpu import torchvision
    from torchvision.transforms import v2

    transform = v2.Compose(
        [
            v2.RandomRotation(10, v2.InterpolationMode.BILINEAR),
            v2.CenterCrop(178),
            v2.Resize(64, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    return "torchvision v2 and Pillow, DataLoader, 2 workers", lambda path: transform(Image.open(path).convert("RGB"))


def with_albumentations():
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or importing it asks the network for a newer version
    import albumentations as A
    import cv2

    cv2.setNumThreads(0)  # a worker is one thread: OpenCV's own threads would fight over the same cores
    transform = A.Compose(
        [
            A.Rotate(10, interpolation=cv2.INTER_LINEAR, border_mode=cv2.BORDER_CONSTANT, p=1),
            A.CenterCrop(178, 178),
            A.Resize(64, 64, interpolation=cv2.INTER_AREA),  # OpenCV's antialiased way down
            A.HorizontalFlip(p=0.5),
            A.Normalize([0.5] * 3, [0.5] * 3),
            A.ToTensorV2(),
        ]
    )

    def load(path):
        image = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return transform(image=image)["image"]

    return "Albumentations and OpenCV, DataLoader, 2 workers", load


class Jpegs(Dataset):
    def __init__(self, directory: Path, load):
        self.paths = sorted(directory.glob("*.jpg"))
        assert self.paths, f"no *.jpg in {directory}"
        self.load = load

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.load(self.paths[index]), 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--library", choices=["torchvision", "albumentations"], required=True)
    arguments = parser.parse_args()
    peer, load = with_torchvision() if arguments.library == "torchvision" else with_albumentations()
    report(peer, Jpegs(arguments.directory, load), batch=64)


if __name__ == "__main__":
    main()
