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

from cyclegan_networks import NETWORKS, PatchDiscriminator, PixelDiscriminator, ResNetGenerator
from make_adversarial import PLAIN, Random, initial_bounds, summary, tolerance_of
from make_tensors import channels_first, channels_last
from make_training import HERE, MARGIN, add, put, write

# Networks


def bounds_of(key, shape):
    if key.endswith("running_mean"):
        return [-0.2, 0.2]
    return [0.5, 1.5] if key.endswith("running_var") else initial_bounds(key, shape)


def initialize(network, prefix):
    """Weights that any program can draw again; their bounds by name."""
    bounds = {}
    for key, tensor in network.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            bounds[key] = bounds_of(key, tensor.shape)
            tensor.copy_(Random(prefix + key).uniform(tensor.shape, *bounds[key]))
    return bounds


def forward(section, name, kind, shape, settings, tolerance, every=1):
    """The output of a network for an image, in inference and, if that is another one, in training."""
    key = f"{section}/{name}"

    def run(precision, training):
        network = NETWORKS[kind](**settings).to(precision).train(training)
        bounds = initialize(network, f"{key}/")
        image = Random(f"{key}/image").uniform(shape, -1, 1)
        with torch.no_grad():
            output = channels_last(network(channels_first(image).to(precision)))
            return network, bounds, output if every == 1 else output.reshape(-1)[::every]

    row = {"name": name, "kind": kind, **settings, "shape": shape, "every": every}
    modes = {"output": False}
    if settings.get("normalization") == "batch" and not settings.get("dropout"):
        modes["training"] = True
    for field, training in modes.items():
        network, row["initial"], exact = run(torch.float64, training)
        error = (run(torch.float32, training)[2].double() - exact).abs().max().item()
        if error * MARGIN > tolerance:
            print(f"{key}: Float32 is off by {error:.1e}, tolerance {tolerance}")
        row[field] = put(f"{key}/{field}", exact)
    row["shapes"] = {k: list(tensor.shape) for k, tensor in network.state_dict().items()}
    row["parameters"] = sum(parameter.numel() for parameter in network.parameters())
    add(section, {**row, "tolerance": tolerance})


def networks():
    def generator(name, shape, blocks, filters, outputs, tolerance, **settings):
        settings = {"blocks": blocks, "filters": filters, "inputs": shape[-1], "outputs": outputs} | settings
        forward("generators", name, "resnet", shape, settings, tolerance)

    def unet(name, shape, downs, filters, outputs, every, **settings):
        settings = {"downs": downs, "filters": filters, "inputs": shape[-1], "outputs": outputs} | settings
        settings = {"normalization": "batch"} | settings
        forward("generators", name, "unet", shape, settings, 1e-4, every)

    def discriminator(name, shape, layers, filters, **settings):
        settings = {"layers": layers, "filters": filters, "inputs": shape[-1]} | settings
        forward("discriminators", name, "patch", shape, settings, 1e-4)

    def pixel(name, shape, filters, **settings):
        settings = {"filters": filters, "inputs": shape[-1]} | settings
        forward("discriminators", name, "pixel", shape, settings, 1e-4)

    generator("published", [1, 32, 32, 3], 9, 64, 3, 1e-3)
    generator("gray-to-color", [2, 20, 8, 1], 1, 4, 3, 1e-4)
    generator("no-blocks", [1, 12, 16, 3], 0, 4, 1, 1e-4)
    generator("batch", [2, 12, 16, 3], 2, 4, 3, 1e-4, normalization="batch")
    generator("dropout", [1, 16, 12, 3], 2, 4, 3, 1e-4, dropout=True)
    generator("resize", [1, 16, 12, 3], 1, 4, 3, 1e-4, upsampling="resize")
    generator("plain-resize", [1, 12, 8, 1], 1, 4, 1, 1e-4, normalization="none", upsampling="resize")
    unet("unet-128", [1, 128, 128, 3], 7, 4, 3, 47, normalization="instance")
    unet("unet-256", [1, 256, 256, 1], 8, 2, 3, 191, dropout=True)
    unet("unet-32", [2, 32, 64, 3], 5, 4, 1, 3)
    unet("unet-64", [1, 64, 64, 1], 6, 3, 1, 3, normalization="none", dropout=True)
    discriminator("published", [1, 48, 32, 3], 3, 64)
    discriminator("one-layer", [2, 9, 12, 1], 1, 4)
    discriminator("four-layers", [1, 50, 64, 3], 4, 3)
    discriminator("batch", [2, 24, 20, 3], 2, 4, normalization="batch")
    discriminator("plain", [1, 12, 12, 1], 2, 4, normalization="none")
    pixel("pixel", [2, 6, 5, 3], 4)
    pixel("pixel-batch", [2, 6, 5, 1], 3, normalization="batch")


def files():
    """State dicts as torch.save writes them, and what the networks make of an image."""
    folder = HERE / "published"
    folder.mkdir(exist_ok=True)

    def file(name, kind, shape, change=lambda state: state, **settings):
        network = NETWORKS[kind](**settings).eval()
        initialize(network, f"files/{name}/")
        torch.save(change(network.state_dict()), folder / f"{name}.pth")
        image = Random(f"files/{name}/image").uniform(shape, -1, 1)
        with torch.no_grad():
            output = channels_last(network.double()(channels_first(image)))
        row = {"name": name, "kind": kind, **settings, "shape": shape, "every": 1}
        add("files", {**row, "output": put(f"files/{name}/output", output), "tolerance": 1e-4})

    def of_2017(state):
        """As saved inside DataParallel, by an instance normalization that kept statistics which it did not use."""
        old = {}
        for key, tensor in state.items():
            old[f"module.{key}"] = tensor
            if key.endswith("bias") and not key.startswith("model.19"):
                prefix = key.removesuffix("bias")
                stem, index = prefix[:-1].rpartition(".")[::2]
                norm = f"module.{stem}.{int(index) + 1}"
                old[f"{norm}.running_mean"] = torch.full_like(tensor, 0.3)
                old[f"{norm}.running_var"] = torch.full_like(tensor, 2)
        return old

    resnet = {"blocks": 2, "filters": 2, "inputs": 3, "outputs": 3}
    file("latest_net_G_A", "resnet", [1, 12, 16, 3], of_2017, **resnet)
    file("latest_net_G", "unet", [1, 32, 32, 3], downs=5, filters=2, inputs=3, outputs=1, dropout=True)
    file("latest_net_D_A", "patch", [1, 16, 20, 3], layers=2, filters=2, inputs=3)
    file("latest_net_D", "pixel", [1, 4, 4, 3], filters=2, inputs=3, normalization="batch")


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


def bce(scores, target):
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))


# What a generator minimizes, and a discriminator before its penalty.
LOSSES = {
    "least-squares": (
        lambda fake: (fake - 1).square().mean(),
        lambda real, fake: ((real - 1).square().mean() + fake.square().mean()) / 2,
    ),
    "original": (lambda fake: bce(fake, 1), lambda real, fake: (bce(real, 1) + bce(fake, 0)) / 2),
    "wasserstein-gp": (lambda fake: -fake.mean(), lambda real, fake: fake.mean() - real.mean()),
}


def gradient_penalty(critic, real, fake, random):
    """Ten times the mean squared distance of the gradient's norm from 1."""
    share = random.uniform((len(real), 1, 1, 1)).to(real.dtype)
    between = (real * share + fake * (1 - share)).requires_grad_()
    slope = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
    return 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()


class Training:
    """The four networks and their steps, in a precision."""

    def __init__(self, name, c, r, precision, disturbance=0):
        """With a disturbance, weights begin a few rounding errors beside theirs."""
        self.name, self.c, self.r, self.precision = name, c, r, precision
        self.channels = {"A": c.channels_a, "B": c.channels_b}
        a, b = self.channels.values()
        g = {"normalization": c.normalization, "upsampling": c.upsampling}
        self.networks = {
            "G_A": ResNetGenerator(c.blocks, c.filters, a, b, **g),
            "G_B": ResNetGenerator(c.blocks, c.filters, b, a, **g),
            "D_A": self.discriminator(b),
            "D_B": self.discriminator(a),
        }
        self.initial = {}
        for key, network in self.networks.items():
            network.to(precision)
            bounds = initialize(network, f"{name}/{key}.")
            self.initial |= {f"{key}.{entry}": bound for entry, bound in bounds.items()}
            floats = (tensor for tensor in network.state_dict().values() if tensor.is_floating_point())
            for index, tensor in enumerate(floats if disturbance else ()):
                tensor *= 1 + 3e-7 * Random(f"{disturbance}/{key}/{index}").uniform(tensor.shape, -1, 1)
        self.optimizers = {kind: self.optimizer(kind) for kind in ("G", "D")}
        self.pools = {domain: ImagePool(r.pool_size, Random(f"{name}/pool_{domain}")) for domain in ("A", "B")}
        self.measures, self.states = [], []

    def discriminator(self, channels):
        if self.c.discriminator == "pixel":
            return PixelDiscriminator(self.c.discriminator_filters, channels, self.c.normalization)
        c = self.c
        return PatchDiscriminator(c.discriminator_layers, c.discriminator_filters, channels, c.normalization)

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
        of_generator, of_discriminator = LOSSES[self.r.loss]
        losses, total = {}, 0
        weights = {"a": self.r.cycle_weight, "b": self.r.cycle_weight}
        if "cycle_weight_back" in vars(self.r):
            weights["b"] = self.r.cycle_weight_back
        cycles = {"a": (lambda: rec_a, real_a), "b": (lambda: g_a(fake_a), real_b)}
        for domain, (reconstructed, real) in cycles.items():
            if weights[domain] > 0:
                losses[f"cycle-{domain}"] = F.l1_loss(reconstructed(), real)
                total = total + weights[domain] * losses[f"cycle-{domain}"]
        if step < round(self.r.identity_until * self.r.steps):
            for domain, generator, real in (("b", g_a, real_b), ("a", g_b, real_a)):
                weight = weights[domain] * self.r.identity_weight
                if weight > 0:
                    losses[f"identity-{domain}"] = F.l1_loss(generator(real), real)
                    total = total + weight * losses[f"identity-{domain}"]
        losses["adversarial-a-b"], losses["adversarial-b-a"] = of_generator(d_a(fake_b)), of_generator(d_b(fake_a))
        total = total + losses["adversarial-a-b"] + losses["adversarial-b-a"]
        self.move("G", total)

        def discriminate(d, real, fake):
            loss = of_discriminator(d(real), d(fake))
            if self.r.loss == "wasserstein-gp":
                random = Random("cyclegan", sample=step + 1).derived("discriminators").derived("penalty")
                loss = loss + gradient_penalty(d, real, fake, random)
            return loss

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
            for key, real, fake in (("G_A", real_a, "fake_B"), ("G_B", real_b, "fake_A")):
                found[fake] = channels_last(self.networks[key].eval()(real))
                self.networks[key].train()
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
    def one(name, layers, filters, size, factors, identity=0.5, pool=50, rate=2e-4, model={}, **recipe):
        blocks, generator, discriminator = filters
        batch, height, width, a, b = size
        images = {"height": height, "width": width, "channels-a": a, "channels-b": b, "batch": batch}
        sizes = {"blocks": blocks, "filters": generator, "discriminator-filters": discriminator}
        kinds = {"normalization": "instance", "upsampling": "transposed", "discriminator": "patch"} | model
        if layers:
            sizes["discriminator-layers"] = layers
        base = {"cycle-weight": 10, "identity-weight": identity, "learning-rate": rate, "pool-size": pool}
        base |= {"loss": "least-squares", "identity-until": 1, "steps": len(factors)}
        base |= {key.replace("_", "-"): value for key, value in recipe.items()}
        train(name, sizes | kinds | images, base, factors)

    one("unpaired", 3, (3, 8, 8), (1, 24, 24, 3, 3), [1, 1])
    one("gray-rgb", 2, (1, 6, 5), (3, 16, 20, 1, 3), [1, 0.5, 0.25], identity=0, pool=2, rate=1e-4)
    one("without-pool", 2, (1, 6, 5), (2, 12, 16, 1, 1), [0.5, 1], identity=0.25, pool=0, rate=1e-3)
    one("original", 2, (1, 6, 5), (2, 16, 12, 3, 3), [1, 1], loss="original")
    one("wasserstein", 2, (1, 6, 5), (2, 16, 12, 1, 3), [1, 1], identity=0, loss="wasserstein-gp")
    one("one-way", 2, (1, 6, 5), (2, 12, 16, 3, 3), [1, 1], cycle_weight_back=0, identity_until=0.5)
    pixel = {"normalization": "batch", "upsampling": "resize", "discriminator": "pixel"}
    one("batch-norm", 0, (1, 6, 5), (2, 12, 16, 3, 1), [1], identity=0, model=pixel, cycle_weight_back=5)


def main() -> None:
    torch.set_num_threads(1)
    for make in (networks, files, steps):
        make()
    write("cyclegan")


if __name__ == "__main__":
    main()
