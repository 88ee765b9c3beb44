#!/usr/bin/env python3
"""Writes what PyTorch makes of GANs: their losses, penalties, augmentations, and whole steps of their training.

    .venv/bin/pip install -r Tests/Golden/requirements.txt
    .venv/bin/python Tests/Golden/make_adversarial.py

adversarial.json has one list of cases for each of these, adversarial.safetensors their arrays; README.md says what the
fields mean. Float64, Mirage's layouts, PyTorch's names, as in make_training.py. Mirage's random numbers are drawn here
once more: so whatever a step draws need not be handed to it, and weights and images need not be stored.
"""

import math
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from make_tensors import channels_first, channels_last
from make_training import MARGIN, add, differentiable, draw, put, write

# Mirage's generator: Philox4x32-10, keyed by a seed and a path, counting samples and epochs

WORD, LONG = 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF


def mix64(value):
    z = (value + 0x9E37_79B9_7F4A_7C15) & LONG
    z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & LONG
    z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & LONG
    return z ^ (z >> 31)


def philox(counter, key):
    """Four words for a counter of four words, which may be arrays."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & WORD, key >> 32
    for _ in range(10):
        a, b = c0 * 0xD251_1F53, c2 * 0xCD9E_8D57
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & WORD, (a >> 32) ^ c3 ^ k1, a & WORD
        k0, k1 = (k0 + 0x9E37_79B9) & WORD, (k1 + 0xBB67_AE85) & WORD
    return c0, c1, c2, c3


class Random:
    def __init__(self, path, seed=1, sample=0, epoch=0):
        self.key = mix64(seed ^ 0x6D69_7261_6765)
        for byte in path.encode():
            self.key = mix64(self.key ^ byte)
        self.counter = [0, epoch, sample & WORD, sample >> 32]
        self.words = []

    def derived(self, name):
        """The generator of a named part."""

        def child(key, index):
            return mix64(key ^ mix64((index + 0x9E37_79B9) & LONG))

        part = Random("", sample=0)
        part.counter, part.key = list(self.counter), self.key
        for byte in name.encode():
            part.key = child(part.key, byte)
        part.key = child(part.key, len(name.encode()))
        return part

    def word(self):
        if not self.words:
            self.words = list(philox(self.counter, self.key))
            self.counter[0] += 1
        return self.words.pop(0)

    def next(self):
        return self.word() | self.word() << 32

    def integer(self, low, high):
        """Lemire's method, as Swift's `Int.random(in: low...high)` has it."""
        bound = high - low + 1
        product = self.next() * bound
        while product & LONG < bound and product & LONG < (1 << 64) % bound:
            product = self.next() * bound
        return low + (product >> 64)

    def chance(self, probability):
        return (self.next() >> 11) * 2**-53 < probability

    def shares(self, shape):
        """What tensors are made of: 24 bits for each number."""
        count = math.prod(shape)
        index = np.arange((count + 3) // 4, dtype=np.uint64)
        zero = np.zeros_like(index)
        words = np.stack(philox((index, zero, zero, zero), self.next()), 1).reshape(-1)
        return (words >> np.uint64(8)).astype(np.float32) * np.float32(2**-24)

    def uniform(self, shape, low=0.0, high=1.0):
        low, high = np.float32(low), np.float32(high)
        values = low + (high - low) * self.shares(shape)
        values = np.minimum(values, np.nextafter(high, low))
        return torch.tensor(values[: math.prod(shape)].reshape(shape)).double()

    def normal(self, shape):
        shares = self.shares(shape)
        radius, angle = np.sqrt(-2 * np.log(1 - shares[0::2])), np.float32(2 * math.pi) * shares[1::2]
        values = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
        return torch.tensor(values[: math.prod(shape)].reshape(shape)).double()


# Losses on logits


def bce(logits, target):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


LOSSES = {
    "non-saturating": (lambda real, fake: bce(real, 1) + bce(fake, 0), lambda fake: bce(fake, 1)),
    "least-squares": (
        lambda real, fake: (real - 1).square().mean() / 2 + fake.square().mean() / 2,
        lambda fake: (fake - 1).square().mean() / 2,
    ),
    "wasserstein": (lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()),
    "wasserstein-gp": (lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()),
    "hinge": (lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(), lambda fake: -fake.mean()),
}


def losses():
    logits = {"real": draw("real logits")(9, scale=1.5), "fake": draw("fake logits")(9, scale=1.5)}
    for name, (discriminator, generator) in LOSSES.items():
        differentiable("losses", f"{name}-discriminator", logits, discriminator, loss=name)
        differentiable("losses", f"{name}-generator", {"fake": logits["fake"]}, generator, loss=name)


# Penalties on the gradient of a critic: a convolution, a leaky ReLU, a tanh, a linear layer


def penalties():
    new = draw("adversarial penalties")
    weights = {"weight": new(3, 2, 3, 3, scale=0.4), "bias": new(3), "linear": new(1, 3 * 5 * 4, scale=0.3)}
    real, fake = new(4, 5, 4, 2), new(4, 5, 4, 2)

    def critic(x, weight, bias, linear):
        hidden = F.leaky_relu(F.conv2d(channels_first(x), weight, bias, padding=1), 0.2)
        return F.linear(hidden.tanh().flatten(1), linear)[:, 0]

    def gradient(x, weights):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(critic(x, **weights).sum(), x, create_graph=True)[0]

    def wasserstein(**weights):
        share = Random("penalty").uniform((4, 1, 1, 1)).to(weights["bias"].dtype)
        between = real.to(share.dtype) * share + fake.to(share.dtype) * (1 - share)
        return (gradient(between, weights).flatten(1).norm(dim=1) - 1).square().mean()

    def r1(**weights):
        return gradient(real.to(weights["bias"].dtype), weights).square().sum((1, 2, 3)).mean() / 2

    images = {"real": put("penalties/real", real), "fake": put("penalties/fake", fake)}
    differentiable("penalties", "gradient-penalty", weights, wasserstein, 5e-5, images=images)
    differentiable("penalties", "r1", weights, r1, 5e-5, images=images)


# Differentiable augmentations (Zhao et al. 2020), of N C H W images


def color(x, random):
    def each(low, high):
        return random.uniform((len(x), 1, 1, 1), low, high).to(x.dtype)

    x = x + each(-0.5, 0.5)
    gray = x.mean(1, keepdim=True)
    x = gray + (x - gray) * each(0, 2)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * each(0.5, 1.5)


def translation(x, random):
    height, width = x.shape[2:]
    down, across = int(height / 8 + 0.5), int(width / 8 + 0.5)
    moved = []
    for image in F.pad(x, (across, across, down, down)):
        top, left = random.integer(0, 2 * down), random.integer(0, 2 * across)
        moved.append(image[:, top : top + height, left : left + width])
    return torch.stack(moved)


def cutout(x, random):
    height, width = x.shape[2:]
    tall, wide = int(height / 2 + 0.5), int(width / 2 + 0.5)
    mask = torch.ones_like(x)
    for kept in mask:
        row, column = random.integer(0, height - tall % 2), random.integer(0, width - wide % 2)
        top, left = row - tall // 2, column - wide // 2
        kept[:, max(0, top) : top + tall, max(0, left) : left + wide] = 0
    return x * mask


AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}


def augmentations():
    for name, augmentation in AUGMENTATIONS.items():
        for shape in [(3, 6, 7, 1), (4, 10, 8, 3)]:

            def function(images, augmentation=augmentation, name=name):
                return channels_last(augmentation(channels_first(images), Random(name)))

            images = draw(f"augmentation {shape}")(*shape, scale=0.5)
            key = f"{name}-{shape[-1]}"
            differentiable("augmentations", key, {"images": images}, function, augmentation=name)


# Networks, under Mirage's names


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Of any number of axes."""

    def _check_input_dim(self, _):
        pass


class ConditionalBatchNorm(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.bn = BatchNorm(channels, affine=False)
        self.embed = nn.Embedding(classes, 2 * channels)

    def forward(self, x, labels):
        scale, offset = self.embed(labels).chunk(2, 1)
        spread = (...,) + (None,) * (x.ndim - 2)
        return self.bn(x) * scale[spread] + offset[spread]


class ChannelsLastLayerNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class PlainNorm(BatchNorm):
    def forward(self, x, labels):
        return super().forward(x)


def generator_norm(channels, c):
    return ConditionalBatchNorm(channels, c.classes) if c.conditioning == "projection" else PlainNorm(channels)


def discriminator_norm(shape, c):
    """`shape` is channels last."""
    if c.normalization == "batch":
        return [BatchNorm(shape[-1])]
    return [ChannelsLastLayerNorm(shape)] if c.normalization == "layer" else []


def wrapped(layer, c):
    """The discriminator's layers."""
    return nn.utils.parametrizations.spectral_norm(layer) if c.normalization == "spectral" else layer


def pyramid(c):
    base, doublings = [c.height, c.width], 0
    while min(base) > 7:
        base, doublings = [side // 2 for side in base], doublings + 1
    return base, doublings


class Generator(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.inputs = c.latent + (c.classes if c.conditioning in ("concatenated", "auxiliary-classifier") else 0)

    def given(self, latents, labels):
        if self.inputs == self.c.latent:
            return latents
        return torch.cat([latents, F.one_hot(labels, self.c.classes).to(latents.dtype)], 1)


class Head(nn.Module):
    def __init__(self, features, c):
        super().__init__()
        self.linear = wrapped(nn.Linear(features, 1), c)
        if c.conditioning == "projection":
            self.embedding = wrapped(nn.Embedding(c.classes, features), c)
        if c.conditioning == "auxiliary-classifier":
            self.classifier = wrapped(nn.Linear(features, c.classes), c)

    def forward(self, features, labels):
        logits = self.linear(features)[:, 0]
        if hasattr(self, "embedding"):
            logits = logits + (features * self.embedding(labels)).sum(1)
        return logits, self.classifier(features) if hasattr(self, "classifier") else None


class Discriminator(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.extra = c.classes if c.conditioning == "concatenated" else 0

    def given(self, images, labels):
        if not self.extra:
            return images
        planes = F.one_hot(labels, self.c.classes).to(images.dtype)[:, :, None, None]
        return torch.cat([images, planes.expand(-1, -1, *images.shape[2:])], 1)


class DCGANGenerator(Generator):
    def __init__(self, c):
        super().__init__(c)
        self.base, doublings = pyramid(c)
        transposed = c.output == "transposed"
        widths = [c.generator_width << level for level in reversed(range(doublings + (0 if transposed else 1)))]
        self.first = widths[0]
        self.project = nn.Linear(self.inputs, self.first * math.prod(self.base))
        self.norms = nn.ModuleList(generator_norm(width, c) for width in widths)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(i, o, 4, 2, 1) for i, o in zip(widths, widths[1:]))
        last = widths[-1], c.channels
        self.out = nn.ConvTranspose2d(*last, 4, 2, 1) if transposed else nn.Conv2d(*last, 3, 1, 1)

    def forward(self, latents, labels):
        x = self.project(self.given(latents, labels)).unflatten(1, (self.first, *self.base))
        x = self.norms[0](x, labels).relu()
        for up, norm in zip(self.ups, self.norms[1:]):
            x = norm(up(x), labels).relu()
        return self.out(x).tanh()


class DCGANDiscriminator(Discriminator):
    def __init__(self, c):
        super().__init__(c)
        layers, inputs = [], c.channels + self.extra
        sides, doublings = [c.height, c.width], pyramid(c)[1]
        for level in range(doublings + 1):
            last, outputs = level == doublings, c.discriminator_width << level
            layers.append(wrapped(nn.Conv2d(inputs, outputs, *((3, 1, 1) if last else (4, 2, 1))), c))
            sides = sides if last else [side // 2 for side in sides]
            if level > 0:
                layers += discriminator_norm([*sides, outputs], c)
            layers.append(nn.LeakyReLU(0.2))
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.head = Head(inputs, c)

    def forward(self, images, labels):
        features = self.layers(self.given(images, labels))
        pooled = features.mean((2, 3)) if self.c.normalization in ("batch", "layer") else features.sum((2, 3))
        return self.head(pooled, labels)


class ResidualGenerator(Generator):
    class Block(nn.Module):
        def __init__(self, c):
            super().__init__()
            width = c.generator_width
            self.norms = nn.ModuleList(generator_norm(width, c) for _ in range(2))
            self.convolutions = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1) for _ in range(2))

        def forward(self, x, labels):
            y = F.interpolate(self.norms[0](x, labels).relu(), scale_factor=2)
            y = self.convolutions[1](self.norms[1](self.convolutions[0](y), labels).relu())
            return y + F.interpolate(x, scale_factor=2)

    def __init__(self, c):
        super().__init__(c)
        self.base, doublings = pyramid(c)
        self.project = nn.Linear(self.inputs, c.generator_width * math.prod(self.base))
        self.blocks = nn.ModuleList(self.Block(c) for _ in range(doublings))
        self.norm = generator_norm(c.generator_width, c)
        self.out = nn.Conv2d(c.generator_width, c.channels, 3, 1, 1)

    def forward(self, latents, labels):
        x = self.project(self.given(latents, labels)).unflatten(1, (self.c.generator_width, *self.base))
        for block in self.blocks:
            x = block(x, labels)
        return self.out(self.norm(x, labels).relu()).tanh()


class ResidualDiscriminator(Discriminator):
    class Block(nn.Module):
        def __init__(self, inputs, sides, halves, first, c):
            super().__init__()
            width = c.discriminator_width
            before = [] if first else [*discriminator_norm([*sides, inputs], c), nn.ReLU()]
            self.layers = nn.Sequential(
                *before,
                wrapped(nn.Conv2d(inputs, width, 3, 1, 1), c),
                *discriminator_norm([*sides, width], c),
                nn.ReLU(),
                wrapped(nn.Conv2d(width, width, 3, 1, 1), c),
            )
            if halves or inputs != width:
                self.shortcut = wrapped(nn.Conv2d(inputs, width, 1), c)
            self.halves = halves

        def forward(self, x):
            y = self.layers(x)
            if hasattr(self, "shortcut"):
                x = self.shortcut(x)
            return F.avg_pool2d(y + x, 2) if self.halves else y + x

    def __init__(self, c):
        super().__init__(c)
        blocks, sides, inputs = [], [c.height, c.width], c.channels + self.extra
        while min(sides) > 8:
            blocks.append(self.Block(inputs, sides, True, not blocks, c))
            sides, inputs = [side // 2 for side in sides], c.discriminator_width
        blocks += [self.Block(inputs, sides, False, False, c) for _ in range(2)]
        self.blocks = nn.ModuleList(blocks)
        self.head = Head(inputs, c)

    def forward(self, images, labels):
        x = self.given(images, labels)
        for block in self.blocks:
            x = block(x)
        pooled = x.relu().sum((2, 3)) if self.c.normalization == "spectral" else x.relu().mean((2, 3))
        return self.head(pooled, labels)


class PerceptronGenerator(Generator):
    def __init__(self, c):
        super().__init__(c)
        widths = [self.inputs, 256, 512, c.channels * c.height * c.width]
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in zip(widths, widths[1:]))
        self.norms = nn.ModuleList(generator_norm(width, c) for width in widths[1:3])

    def forward(self, latents, labels):
        x = self.given(latents, labels)
        for layer, norm in zip(self.layers, self.norms):
            x = norm(layer(x), labels).relu()
        return self.layers[2](x).tanh().unflatten(1, (self.c.channels, self.c.height, self.c.width))


class PerceptronDiscriminator(Discriminator):
    def __init__(self, c):
        super().__init__(c)
        inputs = c.channels * c.height * c.width + self.extra
        layers = [wrapped(nn.Linear(inputs, 512), c), nn.LeakyReLU(0.2), wrapped(nn.Linear(512, 256), c)]
        self.layers = nn.Sequential(*layers, *discriminator_norm([256], c), nn.LeakyReLU(0.2))
        self.head = Head(256, c)

    def forward(self, images, labels):
        x = images.flatten(1)
        if self.extra:
            x = torch.cat([x, F.one_hot(labels, self.c.classes).to(x.dtype)], 1)
        return self.head(self.layers(x), labels)


NETWORKS = {
    "dcgan": (DCGANGenerator, DCGANDiscriminator),
    "residual": (ResidualGenerator, ResidualDiscriminator),
    "fully-connected": (PerceptronGenerator, PerceptronDiscriminator),
}


# Training


class Training:
    """A GAN and its steps, as in the papers, in a precision."""

    def __init__(self, name, c, r, precision):
        self.name, self.c, self.r, self.precision = name, c, r, precision
        self.generator, self.discriminator = (make(c).to(precision) for make in NETWORKS[c.network])
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.initial, self.vectors = {}, {}
        self.initialize()
        self.average = {key: value.double().clone() for key, value in self.generator.state_dict().items()}
        self.optimizers = [self.optimizer(network.parameters()) for network in self.networks.values()]
        self.done, self.measures = 0, []

    def initialize(self):
        """Weights that any program can draw again, of a size that keeps the features' size."""
        for network, module in self.networks.items():
            for key, tensor in module.state_dict().items():
                full = f"{network}.{key}"
                bounds = initial_bounds(key, tensor.shape)
                if bounds:
                    self.initial[full] = bounds
                    tensor.copy_(Random(f"{self.name}/{full}").uniform(tensor.shape, *bounds))
            for full, parametrized in module.named_modules():
                if isinstance(parametrized, nn.utils.parametrizations._SpectralNorm):
                    original = module.get_parameter(full.removesuffix("0") + "original")
                    parametrized._power_method(original.flatten(1), 30)
                    for vector in ("_u", "_v"):
                        buffer = getattr(parametrized, vector)
                        buffer.copy_(buffer.float())
                        self.vectors[f"{network}.{full}.{vector}"] = buffer.clone()

    def optimizer(self, parameters):
        if self.r.optimizer == "rmsprop":
            return torch.optim.RMSprop(parameters, self.r.learning_rate)
        return torch.optim.Adam(parameters, self.r.learning_rate, tuple(map(float, self.r.betas)))

    def real(self, step, index):
        c = self.c
        shape = (self.r.batch, c.height, c.width, c.channels)
        images = Random(f"{self.name}/images/{step}/{index}").uniform(shape, -1, 1)
        return channels_first(images).to(self.precision), torch.tensor(labels(c, self.r, step, index))

    def augmented(self, images, random):
        for name in self.r.augment:
            images = AUGMENTATIONS[name](images, random)
        return images

    def step(self):
        r, c = self.r, self.c
        discriminator_loss, generator_loss = LOSSES[r.loss]
        after = int(r.steps * r.decay_from)
        factor = 1 if self.done < after else 1 - (self.done - after) / max(1, r.steps - after)
        rates = (r.learning_rate, r.discriminator_learning_rate)
        for optimizer, rate in zip(self.optimizers, rates):
            optimizer.param_groups[0]["lr"] = rate * factor
        measures = {}
        for index in range(r.discriminator_steps):
            random = Random("gan", sample=self.done + 1, epoch=index + 1)
            images, classes = self.real(self.done, index)
            shape = (r.batch, c.latent)
            latents = random.uniform(shape, -1, 1) if c.latents == "uniform" else random.normal(shape)
            fake = self.generator(latents.to(self.precision), classes)
            real, judged = self.augmented(images, random), self.augmented(fake.detach(), random)
            if r.r1 > 0:
                real.requires_grad_()
            if c.normalization == "batch" or r.r1 > 0:
                real_logits, class_logits = self.discriminator(real, classes)
                fake_logits, _ = self.discriminator(judged, classes)
            else:
                both, class_logits = self.discriminator(torch.cat([real, judged]), torch.cat([classes, classes]))
                real_logits, fake_logits = both.chunk(2)
                class_logits = None if class_logits is None else class_logits[: r.batch]
            loss = discriminator_loss(real_logits, fake_logits)
            if class_logits is not None:
                loss = loss + F.cross_entropy(class_logits, classes)
            penalty = None
            if r.r1 > 0:
                slope = torch.autograd.grad(real_logits.sum(), real, create_graph=True)[0]
                penalty = r.r1 / 2 * slope.square().sum((1, 2, 3)).mean()
            if r.loss == "wasserstein-gp":
                share = random.uniform((r.batch, 1, 1, 1)).to(self.precision)
                between = (share * real + (1 - share) * judged).requires_grad_()
                slope = torch.autograd.grad(
                    self.discriminator(between, classes)[0].sum(), between, create_graph=True
                )[0]
                penalty = r.gradient_penalty * (slope.flatten(1).norm(dim=1) - 1).square().mean()
            if penalty is not None:
                loss = loss + penalty
                measures["penalty"] = penalty.item()
            measures |= {"discriminator-loss": loss.item()}
            measures |= {"real-logit": real_logits.mean().item(), "fake-logit": fake_logits.mean().item()}
            measures["discriminator-gradient-norm"] = self.move(1, self.discriminator, loss)
            if r.loss == "wasserstein":
                with torch.no_grad():
                    for parameter in self.discriminator.parameters():
                        parameter.clamp_(-r.clip, r.clip)
        fake_logits, class_logits = self.discriminator(self.augmented(fake, random), classes)
        loss = generator_loss(fake_logits)
        if class_logits is not None:
            loss = loss + F.cross_entropy(class_logits, classes)
        measures["generator-loss"] = loss.item()
        measures["generator-gradient-norm"] = self.move(0, self.generator, loss)
        kept = min(r.average, (1 + self.done) / (10 + self.done))
        for key, value in self.generator.state_dict().items():
            self.average[key] = self.average[key] * kept + value.double() * (1 - kept)
        self.measures.append(measures)
        self.done += 1

    def move(self, index, network, loss):
        optimizer, parameters = self.optimizers[index], list(network.parameters())
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.clone()
        optimizer.step()
        return math.sqrt(sum(gradient.square().sum().item() for gradient in gradients))

    def results(self):
        """All state by name, and images that the averaged generator makes."""
        found = {f"average.{key}": value for key, value in self.average.items()}
        slot = "square_avg" if self.r.optimizer == "rmsprop" else "exp_avg"
        for (network, module), optimizer in zip(self.networks.items(), self.optimizers):
            found |= {f"{network}.{key}": value for key, value in module.state_dict().items()}
            for key, parameter in module.named_parameters():
                found[f"slot.{network}.{key}"] = optimizer.state[parameter][slot]
        network = NETWORKS[self.c.network][0](self.c).double()
        network.load_state_dict(self.average)
        latents = Random(f"{self.name}/samples").normal((self.r.batch, self.c.latent))
        classes = torch.tensor(labels(self.c, self.r, 0, 0))
        with torch.no_grad():
            found["samples"] = channels_last(network.eval()(latents, classes))
        return {key: value.detach().double() for key, value in found.items()}


def initial_bounds(key, shape):
    """Lower and upper bound of the uniform numbers a state begins with; None for what begins as it is built."""
    if "running" in key or "num_batches" in key or key.endswith(("_u", "_v")):
        return None
    if key.endswith("embed.weight"):
        return [0, 1]  # scales and offsets of batch normalization
    if "norm" in key or (len(shape) in (1, 3) and key.endswith("weight")):
        return [0.8, 1.2] if key.endswith("weight") else [-0.1, 0.1]
    if key.endswith("bias"):
        return [-0.1, 0.1]
    if "embedding" in key:
        return [-0.3, 0.3]
    fan_in = shape[0] * 4 if key.startswith(("ups", "out")) and shape[-1] == 4 else math.prod(shape[1:])
    bound = round(math.sqrt(3 / fan_in), 3)
    return [-bound, bound]


def labels(c, r, step, index):
    return [(2 * i + i // 3 + step + index) % max(1, c.classes) for i in range(r.batch)]


SAMPLES = 16
PLAIN = 2e-4  # what rows of a state may be off by


def summary(tensor):
    """At most 16 elements, from the first one on at even distances; then the root of their mean square over all."""
    flat = tensor.reshape(-1)
    every = -(-len(flat) // SAMPLES) | 1
    values = flat[::every].tolist()
    return values + [0] * (SAMPLES - len(values)) + [flat.square().mean().sqrt().item()]


def tolerance_of(exact, rough):
    """What a measured number may be off by."""
    return max(PLAIN * (0.01 + abs(exact)), 2 * MARGIN * abs(exact - rough))


def train(name, model, recipe, height, width, channels, steps=2):
    model = {"conditioning": "none", "latent": 6, "latents": "normal", "output": "convolution"} | model
    model = {"generator-width": 4, "discriminator-width": 4, "normalization": "none"} | model
    recipe = {"batch": 5, "steps": 4, "discriminator-steps": 1, "optimizer": "adam", "learning-rate": 1e-3} | recipe
    recipe = ({} if recipe.get("optimizer") == "rmsprop" else {"betas": [0.5, 0.999]}) | recipe
    recipe = {"decay-from": 0, "r1": 0, "augment": [], "average": 0.99} | recipe
    recipe["discriminator-learning-rate"] = 2 * recipe["learning-rate"]
    image = {"height": height, "width": width, "channels": channels}
    classes = 0 if model["conditioning"] == "none" else 3

    def spaced(fields):
        return {key.replace("-", "_"): value for key, value in fields.items()}

    def run(precision):
        torch.manual_seed(0)  # for the vectors of spectral normalization
        c = SimpleNamespace(**spaced(model), **image, classes=classes)
        training = Training(name, c, SimpleNamespace(**spaced(recipe)), precision)
        for _ in range(steps):
            training.step()
        return training

    exact, rough = run(torch.float64), run(torch.float32)
    found, rough_found = exact.results(), rough.results()
    # What does not move the loss, such as a bias before a normalization, has noise for a gradient and moves by noise.
    scale = max(value.square().mean().sqrt().item() for key, value in found.items() if key.startswith("slot."))
    noise = {
        key.removeprefix("slot.")
        for key, value in found.items()
        if key.startswith("slot.") and value.abs().max() < 1e-12 * scale
    }
    noise |= {f"slot.{key}" for key in noise} | {key.replace("generator.", "average.", 1) for key in noise}
    rows = {key: summary(value) for key, value in sorted(found.items()) if key not in noise}
    tolerances = []
    for key, row in rows.items():
        error = max(abs(a - b) / (abs(a) + row[-1] + 1e-30) for a, b in zip(row, summary(rough_found[key])))
        # Running means follow a bias that moves by noise, and images in inference follow both.
        if error * MARGIN > PLAIN and "running_mean" not in key and key != "samples":
            print(f"{name} {key}: Float32 is off by {error:.1e}, tolerance {PLAIN}")
        tolerances.append(max(PLAIN, float(f"{error * 2 * MARGIN:.0e}")))
    discriminator_steps = recipe["discriminator-steps"]
    row = {"name": name, "model": {**model}, "recipe": recipe, **image}
    row["classes"] = [f"class {i}" for i in range(classes)]
    row["initial"] = exact.initial
    row["vectors"] = {key: put(f"steps/{name}/{key}", value) for key, value in exact.vectors.items()}
    row["labels"] = [
        [labels(exact.c, exact.r, step, index) for index in range(discriminator_steps)] for step in range(steps)
    ]
    row["measures"] = [
        {key: [value, tolerance_of(value, other[key])] for key, value in measures.items()}
        for measures, other in zip(exact.measures, rough.measures)
    ]
    row["names"] = list(rows)
    row["noise"] = sorted(noise)
    row["tolerances"] = tolerances
    row["rows"] = put(f"steps/{name}/rows", torch.tensor(list(rows.values())))
    add("steps", row)


def steps():
    def one(name, network, loss, conditioning, normalization, size, model={}, **recipe):
        model = {"network": network, "conditioning": conditioning, "normalization": normalization} | model
        if loss == "wasserstein-gp":
            recipe = {"gradient-penalty": 10, "betas": [0, 0.9], "learning-rate": 1e-4} | recipe
        if loss == "wasserstein":
            recipe = {"clip": 0.05, "optimizer": "rmsprop"} | recipe
        train(name, model, {"loss": loss, **recipe}, *size)

    two = {"discriminator-steps": 2}
    one("dcgan-hinge", "dcgan", "hinge", "projection", "spectral", (28, 28, 1), **two)
    transposed = {"output": "transposed", "generator-width": 3, "discriminator-width": 5}
    one("dcgan-wasserstein-gp", "dcgan", "wasserstein-gp", "concatenated", "layer", (16, 24, 3), transposed, **two)
    one("dcgan-r1", "dcgan", "non-saturating", "auxiliary-classifier", "none", (28, 20, 3), r1=3)
    augment = ["color", "translation", "cutout"]
    one("dcgan-augmented", "dcgan", "least-squares", "none", "batch", (16, 28, 3), augment=augment)
    one("dcgan-wasserstein", "dcgan", "wasserstein", "projection", "batch", (16, 20, 1), **two)
    one("residual-hinge", "residual", "hinge", "projection", "spectral", (28, 28, 3))
    one("residual-wasserstein-gp", "residual", "wasserstein-gp", "auxiliary-classifier", "layer", (16, 24, 1))
    one("residual-batch", "residual", "non-saturating", "concatenated", "batch", (16, 20, 3))
    one("residual-r1", "residual", "least-squares", "none", "layer", (24, 16, 1), r1=1, augment=["cutout"])
    uniform, slow = {"latents": "uniform"}, {"learning-rate": 1e-4}
    one("perceptrons-least-squares", "fully-connected", "least-squares", "concatenated", "none", (6, 5, 3), uniform)
    one("perceptrons-hinge", "fully-connected", "hinge", "projection", "spectral", (3, 7, 1), **two, **slow)
    one("perceptrons-wasserstein", "fully-connected", "wasserstein", "auxiliary-classifier", "layer", (4, 6, 3))
    one("perceptrons-wasserstein-gp", "fully-connected", "wasserstein-gp", "projection", "spectral", (6, 6, 1))


def main() -> None:
    torch.set_num_threads(1)
    for make in (losses, penalties, augmentations, steps):
        make()
    write("adversarial")


if __name__ == "__main__":
    main()
