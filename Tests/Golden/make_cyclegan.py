#!/usr/bin/env python3
"""Writes what PyTorch makes of CycleGAN: its networks' outputs, and whole steps of its training.

    .venv/bin/pip install -r Tests/Golden/requirements.txt
    .venv/bin/python Tests/Golden/make_cyclegan.py

cyclegan.json has a list of cases for each of these, cyclegan.safetensors their arrays; README.md says what the fields
mean. Networks, pool and step are those of pytorch-CycleGAN-and-pix2pix, in Float64; weights, images and the pools'
choices come from Mirage's random numbers, as in make_adversarial.py.
"""

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

from make_adversarial import PLAIN, Random, initial_bounds, summary, tolerance_of
from make_tensors import channels_first, channels_last
from make_training import MARGIN, add, put, write

# Networks, under the repository's names


class ResidualBlock(nn.Module):
    def __init__(self, width):
        super().__init__()

        def padded():
            return [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]

        self.conv_block = nn.Sequential(*padded(), nn.ReLU(True), *padded())

    def forward(self, x):
        return x + self.conv_block(x)


class ResNetGenerator(nn.Module):
    def __init__(self, blocks, filters, inputs, outputs):
        super().__init__()
        n = filters

        def normalized(convolution):
            return [convolution, nn.InstanceNorm2d(convolution.out_channels), nn.ReLU(True)]

        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            *normalized(nn.Conv2d(inputs, n, 7)),
            *normalized(nn.Conv2d(n, 2 * n, 3, 2, 1)),
            *normalized(nn.Conv2d(2 * n, 4 * n, 3, 2, 1)),
            *[ResidualBlock(4 * n) for _ in range(blocks)],
            *normalized(nn.ConvTranspose2d(4 * n, 2 * n, 3, 2, 1, output_padding=1)),
            *normalized(nn.ConvTranspose2d(2 * n, n, 3, 2, 1, output_padding=1)),
            nn.ReflectionPad2d(3),
            nn.Conv2d(n, outputs, 7),
            nn.Tanh(),
        )

    def forward(self, x):
        return self.model(x)


class PatchDiscriminator(nn.Module):
    def __init__(self, layers, filters, inputs):
        super().__init__()
        model = [nn.Conv2d(inputs, filters, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        width = filters
        for level in range(1, layers + 1):
            wider = filters * min(2**level, 8)
            model += [nn.Conv2d(width, wider, 4, 2 if level < layers else 1, 1)]
            model += [nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2, True)]
            width = wider
        self.model = nn.Sequential(*model, nn.Conv2d(width, 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x)


def initialize(network, prefix):
    """Weights that any program can draw again; their bounds by name."""
    bounds = {}
    for key, tensor in network.state_dict().items():
        bounds[key] = initial_bounds(key, tensor.shape)
        tensor.copy_(Random(prefix + key).uniform(tensor.shape, *bounds[key]))
    return bounds


def forward(section, name, make, shape, settings, tolerance):
    """The output of a network for an image."""
    key = f"{section}/{name}"

    def run(precision):
        network = make(**settings).to(precision)
        bounds = initialize(network, f"{key}/")
        image = Random(f"{key}/image").uniform(shape, -1, 1)
        with torch.no_grad():
            return network, bounds, channels_last(network(channels_first(image).to(precision)))

    network, bounds, exact = run(torch.float64)
    error = (run(torch.float32)[2].double() - exact).abs().max().item()
    if error * MARGIN > tolerance:
        print(f"{key}: Float32 is off by {error:.1e}, tolerance {tolerance}")
    row = {"name": name, **settings, "shape": shape, "initial": bounds}
    row["shapes"] = {k: list(tensor.shape) for k, tensor in network.state_dict().items()}
    row["parameters"] = sum(parameter.numel() for parameter in network.parameters())
    row["output"] = put(f"{key}/output", exact)
    add(section, {**row, "tolerance": tolerance})


def networks():
    def generator(name, shape, blocks, filters, outputs, tolerance):
        settings = {"blocks": blocks, "filters": filters, "inputs": shape[-1], "outputs": outputs}
        forward("generators", name, ResNetGenerator, shape, settings, tolerance)

    def discriminator(name, shape, layers, filters):
        settings = {"layers": layers, "filters": filters, "inputs": shape[-1]}
        forward("discriminators", name, PatchDiscriminator, shape, settings, 1e-4)

    generator("published", [1, 32, 32, 3], 9, 64, 3, 1e-3)
    generator("gray-to-color", [2, 20, 8, 1], 1, 4, 3, 1e-4)
    generator("no-blocks", [1, 12, 16, 3], 0, 4, 1, 1e-4)
    discriminator("published", [1, 48, 32, 3], 3, 64)
    discriminator("one-layer", [2, 9, 12, 1], 1, 4)
    discriminator("four-layers", [1, 50, 64, 3], 4, 3)


# Training

FINE = 2e-5  # what rows of weights may be off by, so that a step of another length shows


class ImagePool:
    def __init__(self, size, random):
        self.size, self.random, self.images = size, random, []

    def query(self, images):
        if self.size == 0:
            return images
        shown = []
        for image in images.detach().split(1):
            if len(self.images) < self.size:
                self.images.append(image)
            elif self.random.chance(0.5):
                index = self.random.integer(0, self.size - 1)
                image, self.images[index] = self.images[index], image
            shown.append(image)
        return torch.cat(shown)


class Training:
    """The four networks and their steps, in a precision."""

    def __init__(self, name, c, r, precision, disturbance=0):
        """With a disturbance, weights begin a few rounding errors beside theirs."""
        self.name, self.c, self.r, self.precision = name, c, r, precision
        self.channels = {"A": c.channels_a, "B": c.channels_b}
        a, b = self.channels.values()
        generator = c.blocks, c.filters
        discriminator = c.discriminator_layers, c.discriminator_filters
        self.networks = {
            "G_A": ResNetGenerator(*generator, a, b),
            "G_B": ResNetGenerator(*generator, b, a),
            "D_A": PatchDiscriminator(*discriminator, b),
            "D_B": PatchDiscriminator(*discriminator, a),
        }
        self.initial = {}
        for key, network in self.networks.items():
            network.to(precision)
            bounds = initialize(network, f"{name}/{key}.")
            self.initial |= {f"{key}.{entry}": bound for entry, bound in bounds.items()}
            for index, tensor in enumerate(network.state_dict().values() if disturbance else ()):
                tensor *= 1 + 3e-7 * Random(f"{disturbance}/{key}/{index}").uniform(tensor.shape, -1, 1)
        self.optimizers = {kind: self.optimizer(kind) for kind in ("G", "D")}
        self.pools = {domain: ImagePool(r.pool_size, Random(f"{name}/pool_{domain}")) for domain in ("A", "B")}
        self.measures, self.states = [], []

    def parameters(self, kind):
        return [p for side in ("A", "B") for p in self.networks[f"{kind}_{side}"].parameters()]

    def optimizer(self, kind):
        return torch.optim.Adam(self.parameters(kind), self.r.learning_rate, (0.5, 0.999))

    def real(self, domain, step):
        shape = (self.c.batch, self.c.height, self.c.width, self.channels[domain])
        images = Random(f"{self.name}/{domain}/{step}").uniform(shape, -1, 1)
        return channels_first(images).to(self.precision)

    def step(self, step, factor):
        g_a, g_b, d_a, d_b = self.networks.values()
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] = self.r.learning_rate * factor
        real_a, real_b = self.real("A", step), self.real("B", step)

        fake_b = g_a(real_a)
        rec_a = g_b(fake_b)
        fake_a = g_b(real_b)
        rec_b = g_a(fake_a)
        losses = {
            "adversarial-a-b": (d_a(fake_b) - 1).square().mean(),
            "adversarial-b-a": (d_b(fake_a) - 1).square().mean(),
            "cycle-a": F.l1_loss(rec_a, real_a),
            "cycle-b": F.l1_loss(rec_b, real_b),
        }
        weights = dict.fromkeys(losses, 1) | dict.fromkeys(("cycle-a", "cycle-b"), self.r.cycle_weight)
        if self.r.identity_weight > 0:
            losses["identity-a"], losses["identity-b"] = F.l1_loss(g_b(real_a), real_a), F.l1_loss(g_a(real_b), real_b)
            weight = self.r.cycle_weight * self.r.identity_weight
            weights |= dict.fromkeys(("identity-a", "identity-b"), weight)
        total = sum(loss * weights[key] for key, loss in losses.items())
        self.move("G", total)

        def discriminate(d, real, fake):
            return (d(real).sub(1).square().mean() + d(fake).square().mean()) * 0.5

        losses["discriminator-b"] = discriminate(d_a, real_b, self.pools["B"].query(fake_b.detach()))
        losses["discriminator-a"] = discriminate(d_b, real_a, self.pools["A"].query(fake_a.detach()))
        self.move("D", losses["discriminator-a"] + losses["discriminator-b"])
        self.measures.append({"generator-loss": total.item()} | {key: loss.item() for key, loss in losses.items()})
        self.states.append(self.state(real_a, real_b))

    def move(self, kind, loss):
        parameters = self.parameters(kind)
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters)):
            parameter.grad = gradient
        self.optimizers[kind].step()

    def state(self, real_a, real_b):
        """All state by name, and what the generators make of this step's images."""
        found = {}
        for key, network in self.networks.items():
            found |= {f"{key}.{entry}": value for entry, value in network.state_dict().items()}
            slots = self.optimizers[key[0]].state
            found |= {f"slot.{key}.{entry}": slots[p]["exp_avg"] for entry, p in network.named_parameters()}
        for domain, pool in self.pools.items():
            if pool.images:
                found[f"pool.{domain}"] = channels_last(torch.cat(pool.images))
        with torch.no_grad():
            found["fake_B"] = channels_last(self.networks["G_A"](real_a))
            found["fake_A"] = channels_last(self.networks["G_B"](real_b))
        return {key: value.detach().double().clone() for key, value in found.items()}


def train(name, configuration, recipe, factors, kind=Training, section="steps"):
    def spaced(fields):
        return {key.replace("-", "_"): value for key, value in fields.items()}

    def run(precision, disturbance=0):
        configured = SimpleNamespace(**spaced(configuration)), SimpleNamespace(**spaced(recipe))
        training = kind(name, *configured, precision, disturbance)
        for step, factor in enumerate(factors):
            training.step(step, factor)
        return training

    exact = run(torch.float64)
    # A rounding error can turn the sign of an absolute difference near 0, or of a first step of Adam, and a few of them
    # move gradients by percents. Cases where that happens, as it would to other rounding as well, are of no use: those
    # below are chosen so that it does not, and their names decide what is drawn.
    roughs = [run(torch.float32)] + [run(torch.float64, disturbance) for disturbance in range(1, 8)]
    # A bias before a normalization does not move the loss: it has noise for a gradient and moves by noise.
    slots = {key.removeprefix("slot."): value for key, value in exact.states[-1].items() if key.startswith("slot.")}
    scale = max(value.square().mean().sqrt().item() for value in slots.values())
    noise = {key for key, value in slots.items() if value.abs().max() < 1e-12 * scale}
    noise |= {f"slot.{key}" for key in noise}
    states = []
    for step, found in enumerate(exact.states):
        rows = {key: summary(value) for key, value in sorted(found.items()) if key not in noise}
        tolerances = []
        for key, row in rows.items():
            others = [summary(rough.states[step][key]) for rough in roughs]
            error = max(abs(a - b) / (abs(a) + row[-1] + 1e-30) for other in others for a, b in zip(row, other))
            plain = FINE if key in exact.initial else PLAIN
            if error * MARGIN > plain:
                print(f"{name} {key} after step {step}: Float32 is off by {error:.1e}, tolerance {plain}")
            tolerances.append(max(plain, float(f"{error * MARGIN:.0e}")))
        key = put(f"{section}/{name}/rows-{step}", torch.tensor(list(rows.values())))
        states.append({"names": list(rows), "tolerances": tolerances, "rows": key})
    row = {"name": name, "configuration": configuration, "recipe": recipe, "factors": factors}
    row |= {"initial": exact.initial, "noise": sorted(noise), "states": states}
    row["measures"] = [
        {
            key: [value, max(tolerance_of(value, rough.measures[step][key]) for rough in roughs)]
            for key, value in found.items()
        }
        for step, found in enumerate(exact.measures)
    ]
    add(section, row)


def steps():
    def one(name, layers, filters, size, factors, identity=0.5, pool=50, rate=2e-4):
        blocks, generator, discriminator = filters
        batch, height, width, a, b = size
        images = {"height": height, "width": width, "channels-a": a, "channels-b": b, "batch": batch}
        model = {"discriminator-layers": layers, "discriminator-filters": discriminator}
        model = {"blocks": blocks, "filters": generator} | model
        recipe = {"cycle-weight": 10, "identity-weight": identity, "learning-rate": rate, "pool-size": pool}
        train(name, model | images, recipe, factors)

    one("unpaired", 3, (3, 8, 8), (1, 24, 24, 3, 3), [1, 1])
    one("gray-rgb", 2, (1, 6, 5), (3, 16, 20, 1, 3), [1, 0.5, 0.25], identity=0, pool=2, rate=1e-4)
    one("without-pool", 2, (1, 6, 5), (2, 12, 16, 1, 1), [0.5, 1], identity=0.25, pool=0, rate=1e-3)


def main() -> None:
    torch.set_num_threads(1)
    for make in (networks, steps):
        make()
    write("cyclegan")


if __name__ == "__main__":
    main()
