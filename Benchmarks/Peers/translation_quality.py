"""Trains the CycleGAN repository's recipe on two classes of Fashion-MNIST for a time, and writes translations as IDX.

    translation_quality.py --data /usr/share/datasets/fashion-mnist --seconds 600 --output DIRECTORY

The networks and numbers are those of Pipelines/sneaker-boot.yaml: 3 blocks, 32 filters, a PatchGAN of 2 layers, batch 16, no
identity loss, cycle weight 5. The rest is the repository's: least squares, pools of 50, Adam 2e-4 (0.5, 0.999), a learning
rate that decays linearly over the second half, here of the time. DIRECTORY/forward has the test sneakers as boots,
DIRECTORY/backward the boots as sneakers, labeled with the class they were translated to. The last line is JSON.
"""

import argparse
import functools
import itertools
import json
import random
import time
from pathlib import Path

import torch
from torch import nn

from gan_quality import CLASSES, find, read, write
from gan_steps import ImagePool, frozen, patch_discriminator, resnet_generator

SNEAKER, BOOT = CLASSES.index("Sneaker"), CLASSES.index("Ankle boot")
BATCH = 16
CYCLE = 5


class Pool(ImagePool):
    """A pool that is asked image by image, as the repository's is."""

    def query_all(self, images):
        return torch.cat([self.query(image) for image in images.split(1)])


@functools.cache
def file(data: str, name: str) -> torch.Tensor:
    return torch.from_numpy(read(find(data, name)).copy())


def images_of(data: str, part: str, label: int, layout) -> torch.Tensor:
    images, labels = file(data, f"{part}-images"), file(data, f"{part}-labels")
    return (images[labels == label].float()[:, None] / 127.5 - 1).contiguous(memory_format=layout)


def batches(images: torch.Tensor):
    while True:
        yield from (images[chosen] for chosen in torch.randperm(len(images)).split(BATCH) if len(chosen) == BATCH)


def as_bytes(images: torch.Tensor) -> torch.Tensor:
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def translated(images: torch.Tensor, there: nn.Module, back: nn.Module) -> tuple[torch.Tensor, float]:
    """Translations as bytes, and the mean absolute error of the way back from them."""
    made = torch.cat([as_bytes(there(part)) for part in images.split(250)])
    returned = torch.cat([back(part.float() / 127.5 - 1) for part in made.split(250)])
    return made[:, 0], (returned - images).abs().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=["contiguous", "channels-last"], default="channels-last")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    random.seed(arguments.seed)
    layout = torch.channels_last if arguments.format == "channels-last" else torch.contiguous_format
    start = time.perf_counter()
    streams = [batches(images_of(arguments.data, "train", label, layout)) for label in (SNEAKER, BOOT)]
    g_a, g_b = (resnet_generator(3, 32, channels=1).to(memory_format=layout) for _ in range(2))
    d_a, d_b = (patch_discriminator(32, channels=1, layers=2).to(memory_format=layout) for _ in range(2))
    g_adam = torch.optim.Adam([*g_a.parameters(), *g_b.parameters()], 2e-4, (0.5, 0.999))
    d_adam = torch.optim.Adam([*d_a.parameters(), *d_b.parameters()], 2e-4, (0.5, 0.999))
    mse, l1 = nn.MSELoss(), nn.L1Loss()
    pool_a, pool_b = Pool(50), Pool(50)

    def gan(logits, real):
        return mse(logits, (torch.ones if real else torch.zeros)(()).expand_as(logits))

    def discriminate(d, real, fake):
        ((gan(d(real), True) + gan(d(fake), False)) * 0.5).backward()

    for steps in itertools.count():
        elapsed = (time.perf_counter() - start) / arguments.seconds
        if elapsed >= 1:
            break
        for group in (*g_adam.param_groups, *d_adam.param_groups):
            group["lr"] = 2e-4 * min(1, 2 - 2 * elapsed)
        real_a, real_b = (next(stream) for stream in streams)
        fake_b, fake_a = g_a(real_a), g_b(real_b)
        with frozen([d_a, d_b]):
            g_adam.zero_grad()
            loss = gan(d_a(fake_b), True) + gan(d_b(fake_a), True)
            loss = loss + CYCLE * (l1(g_b(fake_b), real_a) + l1(g_a(fake_a), real_b))
            loss.backward()
            g_adam.step()
        d_adam.zero_grad()
        discriminate(d_a, real_b, pool_b.query_all(fake_b.detach()))
        discriminate(d_b, real_a, pool_a.query_all(fake_a.detach()))
        d_adam.step()
    seconds = time.perf_counter() - start

    cycle = {}
    for direction, source, target, there, back in [
        ("forward", SNEAKER, BOOT, g_a, g_b),
        ("backward", BOOT, SNEAKER, g_b, g_a),
    ]:
        made, cycle[direction] = translated(images_of(arguments.data, "t10k", source, layout), there, back)
        folder = Path(arguments.output) / direction
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "train-images-idx3-ubyte", made.numpy())
        write(folder / "train-labels-idx1-ubyte", torch.full((len(made),), target, dtype=torch.uint8).numpy())
        (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    peer = f"PyTorch {torch.__version__.split('+')[0]}"
    print(json.dumps({"peer": peer, "seconds": seconds, "steps": steps, "cycle": cycle}))


if __name__ == "__main__":
    main()
