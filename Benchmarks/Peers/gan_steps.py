#!/usr/bin/env python3
"""GANs on the CPU through PyTorch: seconds a training step (or an inference), the median after two warm-up steps.

    gan_steps.py dcgan64-step --format channels-last     DCGAN, 64 x 64, batch 64: D, then G
    gan_steps.py cyclegan128-step                        CycleGAN, 128 x 128, 6 blocks, batch 1: both G, then both D
    gan_steps.py fastcut64-step                          FastCUT, 64 x 64, 4 blocks, batch 4: D, then G and heads
    gan_steps.py pix2pix64-step                          pix2pix, U-Net of 6 levels, 64 x 64, batch 4: D, then G
    gan_steps.py resnet256-infer [--runtime onnx]        its 9-block generator, 256 x 256, batch 1
    gan_steps.py cgan28-step                             conditional GAN, 28 x 28, 10 classes, batch 128: D, G, EMA

The last line is JSON: the median in seconds and the process's peak memory in MB. Inputs are random, seeds fixed.
"""

import argparse
import copy
import json
import multiprocessing
import random
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

WARM_UP = 2


# DCGAN (Radford et al. 2016)


def dcgan(width: int = 64, latent: int = 100) -> tuple[nn.Module, nn.Module]:
    def up(i, o, stride=2, padding=1):
        return [nn.ConvTranspose2d(i, o, 4, stride, padding, bias=False), nn.BatchNorm2d(o), nn.ReLU(True)]

    def down(i, o):
        return [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2, True)]

    n = width
    generator = nn.Sequential(
        *up(latent, 8 * n, 1, 0),
        *up(8 * n, 4 * n),
        *up(4 * n, 2 * n),
        *up(2 * n, n),
        nn.ConvTranspose2d(n, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(3, n, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, True),
        *down(n, 2 * n),
        *down(2 * n, 4 * n),
        *down(4 * n, 8 * n),
        nn.Conv2d(8 * n, 1, 4, 1, 0, bias=False),
    )
    return generator.apply(initialize), discriminator.apply(initialize)


def initialize(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)
        nn.init.zeros_(module.bias)


def dcgan_step(arguments):
    g, d = (formatted(network, arguments) for network in dcgan())
    g_adam, d_adam = (torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (g, d))
    bce = nn.BCEWithLogitsLoss()
    batch = 64
    real = formatted(torch.rand(batch, 3, 64, 64) * 2 - 1, arguments)
    ones, zeros = torch.ones(batch), torch.zeros(batch)

    def step():
        fake = g(torch.randn(batch, 100, 1, 1))
        d_adam.zero_grad()
        bce(d(real).view(-1), ones).backward()
        bce(d(fake.detach()).view(-1), zeros).backward()
        d_adam.step()
        g_adam.zero_grad()
        with frozen([d], arguments.frozen):
            bce(d(fake).view(-1), ones).backward()
        g_adam.step()

    return step


# CycleGAN (Zhu et al. 2017), layer for layer and step for step as its authors' PyTorch code


class ResidualBlock(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x):
        return x + self.layers(x)


def resnet_generator(blocks: int, width: int = 64, channels: int = 3) -> nn.Module:
    def normalized(convolution):
        return [convolution, nn.InstanceNorm2d(convolution.out_channels), nn.ReLU(True)]

    n = width
    return nn.Sequential(
        nn.ReflectionPad2d(3),
        *normalized(nn.Conv2d(channels, n, 7)),
        *normalized(nn.Conv2d(n, 2 * n, 3, 2, 1)),
        *normalized(nn.Conv2d(2 * n, 4 * n, 3, 2, 1)),
        *[ResidualBlock(4 * n) for _ in range(blocks)],
        *normalized(nn.ConvTranspose2d(4 * n, 2 * n, 3, 2, 1, output_padding=1)),
        *normalized(nn.ConvTranspose2d(2 * n, n, 3, 2, 1, output_padding=1)),
        nn.ReflectionPad2d(3),
        nn.Conv2d(n, channels, 7),
        nn.Tanh(),
    ).apply(initialize)


def patch_discriminator(width: int = 64, channels: int = 3, layers: int = 3) -> nn.Module:
    """PatchGAN: patches of 70 x 70 with 3 layers, 34 x 34 with 2."""

    def down(i, o, stride):
        return [nn.Conv2d(i, o, 4, stride, 1), nn.InstanceNorm2d(o), nn.LeakyReLU(0.2, True)]

    n = width
    return nn.Sequential(
        nn.Conv2d(channels, n, 4, 2, 1),
        nn.LeakyReLU(0.2, True),
        *[part for level in range(1, layers) for part in down(n << level - 1, n << level, 2)],
        *down(n << layers - 1, n << layers, 1),
        nn.Conv2d(n << layers, 1, 4, 1, 1),
    ).apply(initialize)


class ImagePool:
    """Answers with an earlier fake half of the time."""

    def __init__(self, size: int):
        self.size, self.images = size, []

    def query(self, image):
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if random.random() > 0.5:
            index = random.randrange(self.size)
            image, self.images[index] = self.images[index], image
        return image


def cyclegan_step(arguments):
    g_a, g_b = (formatted(resnet_generator(blocks=6), arguments) for _ in range(2))  # A to B, B to A
    d_a, d_b = (formatted(patch_discriminator(), arguments) for _ in range(2))  # of images in B, in A
    g_adam = torch.optim.Adam([*g_a.parameters(), *g_b.parameters()], 2e-4, (0.5, 0.999))
    d_adam = torch.optim.Adam([*d_a.parameters(), *d_b.parameters()], 2e-4, (0.5, 0.999))
    mse, l1, cycle, identity = nn.MSELoss(), nn.L1Loss(), 10, 0.5
    pool_a, pool_b = ImagePool(50), ImagePool(50)
    real_a, real_b = (formatted(torch.rand(1, 3, 128, 128) * 2 - 1, arguments) for _ in range(2))

    def gan(logits, real):
        return mse(logits, (torch.ones if real else torch.zeros)(()).expand_as(logits))

    def discriminate(d, real, fake):
        ((gan(d(real), True) + gan(d(fake.detach()), False)) * 0.5).backward()

    def step():
        fake_b = g_a(real_a)
        back_a = g_b(fake_b)
        fake_a = g_b(real_b)
        back_b = g_a(fake_a)
        with frozen([d_a, d_b]):
            g_adam.zero_grad()
            loss = l1(g_a(real_b), real_b) * cycle * identity + l1(g_b(real_a), real_a) * cycle * identity
            loss = loss + gan(d_a(fake_b), True) + gan(d_b(fake_a), True)
            loss = loss + l1(back_a, real_a) * cycle + l1(back_b, real_b) * cycle
            loss.backward()
            g_adam.step()
        d_adam.zero_grad()
        discriminate(d_a, real_b, pool_b.query(fake_b.detach()))
        discriminate(d_b, real_a, pool_a.query(fake_a.detach()))
        d_adam.step()

    return step


# FastCUT (Park et al. 2020): the features of a real image come from the pass that makes its fake, if that is not mirrored


class ProjectionHeads(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.heads = nn.ModuleList(
            [nn.Sequential(nn.Linear(count, 256), nn.ReLU(True), nn.Linear(256, 256)) for count in channels]
        )

    def forward(self, maps, places):
        """Unit vectors at places, and the places, which are drawn if there are none."""
        found, drawn = [], []
        for index, (feature, head) in enumerate(zip(maps, self.heads)):
            rows = feature.permute(0, 2, 3, 1).flatten(1, 2)
            chosen = places[index] if places else torch.randperm(rows.shape[1])[:256]
            found.append(F.normalize(head(rows[:, chosen].flatten(0, 1))))
            drawn.append(chosen)
        return found, drawn


def fastcut_step(arguments):
    g, d = (formatted(n, arguments) for n in (resnet_generator(blocks=4, width=32), patch_discriminator()))
    heads = ProjectionHeads([3, 64, 128, 128, 128])
    layers, batch, temperature, weight = [0, 4, 7, 10, 11], 4, 0.07, 10
    g_adam = torch.optim.Adam([*g.parameters(), *heads.parameters()], 2e-4, (0.5, 0.999))
    d_adam = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
    mse, cross_entropy = nn.MSELoss(), nn.CrossEntropyLoss()
    real_a, real_b = (formatted(torch.rand(batch, 3, 64, 64) * 2 - 1, arguments) for _ in range(2))
    mirrored = False

    def gan(logits, real):
        return mse(logits, (torch.ones if real else torch.zeros)(()).expand_as(logits))

    def run(x, stop):
        maps = []
        for index, layer in enumerate(g[:stop]):
            x = layer(x)
            if index in layers:
                maps.append(x)
        return x, maps

    def step():
        nonlocal mirrored
        mirrored = not mirrored  # half of the steps, as in Mirage's
        if arguments.separate:
            fake = g(real_a.flip(3) if mirrored else real_a)
            _, originals = run(real_a, layers[-1] + 1)
        elif mirrored:
            with torch.no_grad():
                _, originals = run(real_a, layers[-1] + 1)
            fake = g(real_a.flip(3))
        else:
            fake, originals = run(real_a, len(g))
        with torch.no_grad():
            keys, places = heads([feature.detach() for feature in originals], None)
        d_adam.zero_grad()
        ((gan(d(real_b), True) + gan(d(fake.detach()), False)) * 0.5).backward()
        d_adam.step()
        g_adam.zero_grad()
        with frozen([d]):
            loss = gan(d(fake), True)
            _, maps = run(fake, layers[-1] + 1)
            queries, _ = heads([feature.flip(3) for feature in maps] if mirrored else maps, places)
            for query, key in zip(queries, keys):
                query, key = (x.unflatten(0, (batch, -1)) for x in (query, key))
                logits = query @ key.transpose(1, 2) / temperature
                labels = torch.arange(logits.shape[1]).repeat(batch)
                loss = loss + cross_entropy(logits.flatten(0, 1), labels) * (weight / len(layers))
            loss.backward()
        g_adam.step()

    return step


# pix2pix (Isola et al. 2017), with instance normalization


class UNetLevel(nn.Module):
    def __init__(self, outside: int, inside: int, inner=None, images: int = 0, dropout: bool = False):
        """`images`: their channels, on the outermost level."""
        super().__init__()
        down = nn.Conv2d(images or outside, inside, 4, 2, 1)
        up = nn.ConvTranspose2d(2 * inside if inner else inside, images or outside, 4, 2, 1)
        if images:
            layers = [down, inner, nn.ReLU(True), up, nn.Tanh()]
        else:
            within = [nn.InstanceNorm2d(inside), inner] if inner else []
            layers = [nn.LeakyReLU(0.2, True), down, *within, nn.ReLU(True), up, nn.InstanceNorm2d(outside)]
        self.layers = nn.Sequential(*layers, *([nn.Dropout(0.5)] if dropout else []))
        self.is_outermost = images > 0

    def forward(self, x):
        return self.layers(x) if self.is_outermost else torch.cat([x, self.layers(x)], 1)


def unet_generator(downs: int, width: int = 64) -> nn.Module:
    widths = [width * min(2**level, 8) for level in range(downs)]
    level = UNetLevel(widths[-2], widths[-1])
    for index in range(downs - 2, 0, -1):
        level = UNetLevel(widths[index - 1], widths[index], level, dropout=index >= 4)
    return UNetLevel(0, widths[0], level, images=3).apply(initialize)


def pix2pix_step(arguments):
    g, d = (formatted(n, arguments) for n in (unet_generator(downs=6), patch_discriminator(channels=6)))
    g_adam, d_adam = (torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (g, d))
    bce, l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()
    inputs, targets = (formatted(torch.rand(4, 3, 64, 64) * 2 - 1, arguments) for _ in range(2))

    def gan(logits, real):
        return bce(logits, (torch.ones if real else torch.zeros)(()).expand_as(logits))

    def step():
        fakes = g(inputs)
        d_adam.zero_grad()
        fake, real = d(torch.cat([inputs, fakes.detach()], 1)), d(torch.cat([inputs, targets], 1))
        ((gan(fake, False) + gan(real, True)) * 0.5).backward()
        d_adam.step()
        g_adam.zero_grad()
        with frozen([d]):
            (gan(d(torch.cat([inputs, fakes], 1)), True) + l1(fakes, targets) * 100).backward()
        g_adam.step()

    return step


def resnet_inference(arguments):
    if arguments.runtime == "onnx":
        return onnx_inference(arguments.threads)
    generator, image = (formatted(thing, arguments) for thing in resnet256())
    return lambda: infer(generator, image)


def resnet256():
    return resnet_generator(blocks=9).eval(), torch.rand(1, 3, 256, 256) * 2 - 1


@torch.inference_mode()
def infer(network, image):
    return network(image)


def onnx_inference(threads: int):
    import onnxruntime

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "network.onnx"
        # In a process of its own, so that the peak memory is not the exporter's.
        exporter = multiprocessing.get_context("spawn").Process(target=export_resnet256, args=(path,))
        exporter.start()
        exporter.join()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    pixels = (torch.rand(1, 3, 256, 256) * 2 - 1).numpy()
    return lambda: session.run(["y"], {"x": pixels})


def export_resnet256(path: Path) -> None:
    warnings.simplefilter("ignore")  # the exporter that needs no further package says that it is the old one
    network, image = resnet256()
    torch.onnx.export(network, (image,), path, input_names=["x"], output_names=["y"], dynamo=False)


# Conditional GAN: projection discriminator (Miyato and Koyama 2018), spectral normalization, conditional batch norm


class ConditionalBatchNorm(nn.Module):
    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale, self.offset = nn.Embedding(classes, channels), nn.Embedding(classes, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.offset.weight)

    def forward(self, x, labels):
        return self.norm(x) * self.scale(labels)[..., None, None] + self.offset(labels)[..., None, None]


class ConditionalGenerator(nn.Module):
    def __init__(self, latent: int = 64, classes: int = 10):
        super().__init__()
        self.project = nn.Linear(latent, 7 * 7 * 128)
        self.norms = nn.ModuleList([ConditionalBatchNorm(channels, classes) for channels in (128, 64, 32)])
        self.up1 = nn.ConvTranspose2d(128, 64, 4, 2, 1)
        self.up2 = nn.ConvTranspose2d(64, 32, 4, 2, 1)
        self.out = nn.Conv2d(32, 1, 3, 1, 1)

    def forward(self, z, labels):
        x = F.relu(self.norms[0](self.project(z).view(-1, 128, 7, 7), labels))
        x = F.relu(self.norms[1](self.up1(x), labels))
        x = F.relu(self.norms[2](self.up2(x), labels))
        return torch.tanh(self.out(x))


class ProjectionDiscriminator(nn.Module):
    def __init__(self, classes: int = 10):
        super().__init__()
        self.down1 = spectral_norm(nn.Conv2d(1, 32, 4, 2, 1))
        self.down2 = spectral_norm(nn.Conv2d(32, 64, 4, 2, 1))
        self.same = spectral_norm(nn.Conv2d(64, 128, 3, 1, 1))
        self.linear = spectral_norm(nn.Linear(128, 1))
        self.embedding = spectral_norm(nn.Embedding(classes, 128))

    def forward(self, x, labels):
        for convolution in (self.down1, self.down2, self.same):
            x = F.leaky_relu(convolution(x), 0.1)
        features = x.sum(dim=(2, 3))
        return self.linear(features)[:, 0] + (features * self.embedding(labels)).sum(1)


def cgan_step(arguments):
    g, d = formatted(ConditionalGenerator(), arguments), formatted(ProjectionDiscriminator(), arguments)
    average = copy.deepcopy(g).requires_grad_(False)
    g_adam, d_adam = (torch.optim.Adam(n.parameters(), 4e-4, (0.5, 0.999)) for n in (g, d))
    assert sum(p.numel() for p in g.parameters()) == 576_385
    assert sum(p.numel() for p in d.parameters()) == 108_641
    batch = 128
    real = formatted(torch.rand(batch, 1, 28, 28) * 2 - 1, arguments)
    real_labels = torch.randint(10, (batch,))

    def step():
        labels = torch.randint(10, (batch,))
        fake = g(torch.randn(batch, 64), labels)
        d_adam.zero_grad()
        loss = F.relu(1 - d(real, real_labels)).mean() + F.relu(1 + d(fake.detach(), labels)).mean()
        loss.backward()
        d_adam.step()
        g_adam.zero_grad()
        with frozen([d], arguments.frozen):
            (-d(fake, labels).mean()).backward()
        g_adam.step()
        with torch.no_grad():
            for mean, new in zip(average.parameters(), g.parameters()):
                mean.lerp_(new, 1 - 0.999)
            for mean, new in zip(average.buffers(), g.buffers()):
                mean.copy_(new)

    return step


# Measuring


class frozen:
    """No gradients of these networks' weights inside the block."""

    def __init__(self, networks, frozen: bool = True):
        self.networks = networks if frozen else []

    def __enter__(self):
        for network in self.networks:
            network.requires_grad_(False)

    def __exit__(self, *_):
        for network in self.networks:
            network.requires_grad_(True)


def formatted(thing, arguments):
    channels_last = arguments.format == "channels-last"
    return thing.to(memory_format=torch.channels_last) if channels_last else thing


def peak_memory() -> float:
    """MB of this process's own high-water mark."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("no VmHWM in /proc/self/status")


NAMES = {
    "dcgan64-step": dcgan_step,
    "cyclegan128-step": cyclegan_step,
    "fastcut64-step": fastcut_step,
    "pix2pix64-step": pix2pix_step,
    "resnet256-infer": resnet_inference,
    "cgan28-step": cgan_step,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--format", choices=["channels-last", "default"], default="default")
    parser.add_argument("--runtime", choices=["torch", "onnx"], default="torch", help="onnx: resnet256-infer only")
    parser.add_argument("--frozen", action="store_true", help="no gradients of D's weights in G's step (DCGAN, cGAN)")
    parser.add_argument("--separate", action="store_true", help="features in a pass of their own, as in CUT's code")
    parser.add_argument("--steps", type=int, default=10, help="measured steps, after two warm-up steps")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.runtime == "onnx" and arguments.name != "resnet256-infer":
        parser.error("--runtime onnx is for resnet256-infer only")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    random.seed(0)
    step = NAMES[arguments.name](arguments)
    seconds = []
    for _ in range(WARM_UP + arguments.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds[WARM_UP:])
    if arguments.runtime == "onnx":
        import onnxruntime

        peer = f"ONNX Runtime {onnxruntime.__version__}"
    else:
        last = ", channels last" if arguments.format == "channels-last" else ""
        peer = f"PyTorch {torch.__version__.split('+')[0]}{last}{', D frozen' if arguments.frozen else ''}"
        peer += ", separate pass" if arguments.separate else ""
    print(json.dumps({"peer": peer, "seconds": round(median, 5), "peak_memory": peak_memory()}))


if __name__ == "__main__":
    main()
