"""Trains the conditional GAN of gan_steps.py on Fashion-MNIST for a time, and writes samples as IDX.

    gan_quality.py --data /usr/share/datasets/fashion-mnist --seconds 600 --output DIRECTORY [--count 60000]

The plain recipe: hinge loss, Adam 4e-4 (0.5, 0.999), batch 128, an average of 0.999 of the generator that ramps up. The last
line is JSON.
"""

import argparse
import copy
import gzip
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from gan_steps import ConditionalGenerator, ProjectionDiscriminator

BATCH = 128


def read(path: Path) -> np.ndarray:
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    dimensions = data[3]
    shape = np.frombuffer(data, ">i4", dimensions, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def write(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes()
    path.write_bytes(header + values.tobytes())


def find(directory: str, name: str) -> Path:
    return next(Path(directory).glob(name + "*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    start = time.perf_counter()
    images = torch.from_numpy(read(find(arguments.data, "train-images")).copy())[:, None]
    classes = torch.from_numpy(read(find(arguments.data, "train-labels")).copy()).long()
    last = torch.channels_last
    g, d = ConditionalGenerator().to(memory_format=last), ProjectionDiscriminator().to(memory_format=last)
    average = copy.deepcopy(g).requires_grad_(False)
    g_adam, d_adam = (torch.optim.Adam(n.parameters(), 4e-4, (0.5, 0.999)) for n in (g, d))
    steps = 0
    while time.perf_counter() - start < arguments.seconds:
        if steps * BATCH % len(images) < BATCH:
            order = torch.randperm(len(images))
        place = steps * BATCH % (len(images) - BATCH)
        chosen = order[place : place + BATCH]
        real, real_labels = (images[chosen].float() / 127.5 - 1).to(memory_format=last), classes[chosen]
        labels = torch.randint(10, (BATCH,))
        fake = g(torch.randn(BATCH, 64), labels)
        d_adam.zero_grad()
        loss = F.relu(1 - d(real, real_labels)).mean() + F.relu(1 + d(fake.detach(), labels)).mean()
        loss.backward()
        d_adam.step()
        g_adam.zero_grad()
        d.requires_grad_(False)
        (-d(fake, labels).mean()).backward()
        d.requires_grad_(True)
        g_adam.step()
        with torch.no_grad():
            # Early on the average follows faster, and running statistics are averaged as well: without either, it is far
            # behind the generator after ten minutes.
            share = 1 - min(0.999, (1 + steps) / (10 + steps))
            for mean, new in zip(average.state_dict().values(), g.state_dict().values()):
                if mean.is_floating_point():
                    mean.lerp_(new, share)
        steps += 1
    seconds = time.perf_counter() - start
    average.eval()
    labels = torch.arange(arguments.count) % 10
    made = []
    with torch.no_grad():
        for part in labels.split(500):
            made.append(average(torch.randn(len(part), 64), part))
    pixels = ((torch.cat(made)[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    output = Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    write(output / "train-images-idx3-ubyte", pixels)
    write(output / "train-labels-idx1-ubyte", labels.to(torch.uint8).numpy())
    (output / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    print(json.dumps({"peer": f"PyTorch {torch.__version__.split('+')[0]}", "seconds": seconds, "steps": steps}))


CLASSES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip

if __name__ == "__main__":
    main()
