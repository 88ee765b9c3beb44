#!/usr/bin/env python3
"""Writes what PyTorch makes of translations other than CycleGAN's: whole steps of CUT, FastCUT and pix2pix.

    .venv/bin/pip install -r Tests/Golden/requirements.txt
    .venv/bin/python Tests/Golden/make_translation.py

translation.json has a list of cases for each of these, translation.safetensors their arrays; README.md says what the
fields mean. Networks are those of make_cyclegan.py, steps those of the repositories contrastive-unpaired-translation and
pytorch-CycleGAN-and-pix2pix, in Float64; weights, images and places of patches come from Mirage's random numbers.
"""

import torch
import torch.nn.functional as F
from torch import nn

from make_adversarial import Random
from make_cyclegan import LOSSES, PatchDiscriminator, ResNetGenerator, UNetGenerator, initialize, train
from make_tensors import channels_first, channels_last
from make_training import write


class Translation:
    """The networks of a translation in one direction and their steps, in a precision."""

    def __init__(self, name, c, r, precision, disturbance=0):
        """With a disturbance, weights begin a few rounding errors beside theirs."""
        self.name, self.c, self.r, self.precision = name, c, r, precision
        self.networks, self.initial = self.build(), {}
        for key, network in self.networks.items():
            network.to(precision)
            bounds = initialize(network, f"{name}/{key}.")
            self.initial |= {f"{key}.{entry}": bound for entry, bound in bounds.items()}
            floats = (tensor for tensor in network.state_dict().values() if tensor.is_floating_point())
            for index, tensor in enumerate(floats if disturbance else ()):
                tensor *= 1 + 3e-7 * Random(f"{disturbance}/{key}/{index}").uniform(tensor.shape, -1, 1)
        self.optimizers = {
            kind: torch.optim.Adam(self.parameters(kind), r.learning_rate, (0.5, 0.999)) for kind in ("G", "D")
        }
        self.measures, self.states = [], []

    def parameters(self, kind):
        names = ["D"] if kind == "D" else [name for name in self.networks if name != "D"]
        return [p for name in names for p in self.networks[name].parameters()]

    def images(self, domain, step, channels):
        shape = (self.c.batch, self.c.height, self.c.width, channels)
        images = Random(f"{self.name}/{domain}/{step}").uniform(shape, -1, 1)
        return channels_first(images).to(self.precision)

    def move(self, kind, loss):
        parameters = self.parameters(kind)
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters)):
            parameter.grad = gradient
        self.optimizers[kind].step()

    def step(self, step, factor):
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] = self.r.learning_rate * factor
        losses, given = self.losses(step)
        self.measures.append({key: loss.item() for key, loss in losses.items()})
        found = {}
        for key, network in self.networks.items():
            found |= {f"{key}.{entry}": value for entry, value in network.state_dict().items()}
            slots = self.optimizers["D" if key == "D" else "G"].state
            found |= {f"slot.{key}.{entry}": slots[p]["exp_avg"] for entry, p in network.named_parameters()}
        with torch.no_grad():
            found["fake"] = channels_last(self.networks["G"].eval()(given))
            self.networks["G"].train()
        self.states.append({key: value.detach().double().clone() for key, value in found.items()})


# CUT and FastCUT (Park et al. 2020)


class ProjectionHeads(nn.Module):
    def __init__(self, channels):
        super().__init__()
        for index, count in enumerate(channels):
            self.add_module(f"mlp_{index}", nn.Sequential(nn.Linear(count, 256), nn.ReLU(True), nn.Linear(256, 256)))

    def forward(self, features, index):
        x = getattr(self, f"mlp_{index}")(features)
        return x / (x.square().sum(1, keepdim=True) + 1e-12).sqrt()


def feature_layers(blocks):
    return [0, 4, 7] + sorted({10 + block - 1 for block in (1, max(min(blocks, 2), (blocks + 1) // 2)) if blocks})


def features(generator, x, layers):
    found = []
    for index in range(layers[-1] + 1):
        x = generator.model[index](x)
        if index in layers:
            found.append(x)
    return found


def places(count, shape, random):
    """Rows of different places for each image, drawn as the first part of a shuffle."""
    images, _, height, width = shape
    chosen = []
    for image in range(images):
        order = list(range(height * width))
        for index in range(min(count, len(order))):
            other = random.integer(index, len(order) - 1)
            order[index], order[other] = order[other], order[index]
            chosen.append(image * len(order) + order[index])
    return chosen


def rows(feature, chosen):
    """Not by a permutation: PyTorch 2.13 takes a wrong gradient of one image's normalization for a permuted one."""
    chosen = torch.tensor(chosen)
    size = feature.shape[2] * feature.shape[3]
    return feature.flatten(2)[chosen // size, :, chosen % size]


class Contrastive(Translation):
    def build(self):
        c = self.c
        self.layers = feature_layers(c.blocks)
        widths = {0: c.channels, 4: 2 * c.filters}
        return {
            "G": ResNetGenerator(c.blocks, c.filters, c.channels, c.channels),
            "F": ProjectionHeads([widths.get(layer, 4 * c.filters) for layer in self.layers]),
            "D": PatchDiscriminator(c.discriminator_layers, c.discriminator_filters, c.channels),
        }

    def contrast(self, original, translated, mirrored, random):
        """Mean over layers of the cross-entropies of each patch of the translation among the original's."""
        g, heads = self.networks["G"], self.networks["F"]
        total = 0
        keys = features(g, original, self.layers)
        for index, (key, query) in enumerate(zip(keys, features(g, translated, self.layers))):
            chosen = places(self.r.patches, key.shape, random)
            if mirrored:
                query = query.flip(3)
            k, q = heads(rows(key, chosen), index).detach(), heads(rows(query, chosen), index)
            k, q = (x.unflatten(0, (len(original), -1)) for x in (k, q))
            logits = q @ k.transpose(1, 2) / self.r.temperature
            labels = torch.arange(logits.shape[1]).repeat(len(original))
            total = total + F.cross_entropy(logits.flatten(0, 1), labels)
        return total / len(self.layers)

    def losses(self, step):
        g, d = self.networks["G"], self.networks["D"]
        random = Random("contrastive-gan", sample=step + 1)
        real_a, real_b = (self.images(domain, step, self.c.channels) for domain in "AB")
        is_cut = self.r.method == "cut"
        mirrored = not is_cut and random.derived("mirror").chance(0.5)
        fake = g(real_a.flip(3) if mirrored else real_a)
        discriminator = (d(real_b).sub(1).square().mean() + d(fake.detach()).square().mean()) * 0.5
        self.move("D", discriminator)

        losses = {"discriminator": discriminator, "adversarial": (d(fake) - 1).square().mean()}
        contrast = self.contrast(real_a, fake, mirrored, random.derived("fake").derived("places"))
        losses["contrast"] = contrast
        if is_cut:
            own = random.derived("generator").derived("identity").derived("places")
            losses["identity-contrast"] = self.contrast(real_b, g(real_b), False, own)
            contrast = (contrast + losses["identity-contrast"]) / 2
        losses["generator-loss"] = losses["adversarial"] + contrast * self.r.contrast_weight
        self.move("G", losses["generator-loss"])
        return losses, real_a


def contrastive():
    def one(name, method, weight, layers, filters, size, factors, patches=256, temperature=0.07, rate=2e-4):
        blocks, generator, discriminator = filters
        batch, height, width, channels = size
        images = {"height": height, "width": width, "channels": channels, "batch": batch}
        model = {"discriminator-layers": layers, "discriminator-filters": discriminator}
        model = {"blocks": blocks, "filters": generator} | model
        recipe = {"method": method, "contrast-weight": weight, "learning-rate": rate}
        recipe |= {"patches": patches, "temperature": temperature}
        train(name, model | images, recipe, factors, Contrastive, "contrastive")

    one("mirrored", "fast-cut", 10, 2, (2, 6, 5), (2, 16, 20, 3), [1, 0.5, 0.5])
    one("cut", "cut", 1, 2, (1, 6, 5), (2, 12, 16, 1), [1, 0.5], patches=20)
    one("one-image", "cut", 2, 1, (3, 4, 6), (1, 16, 12, 3), [0.5, 1], temperature=0.2, rate=4e-4)
    one("without-blocks", "fast-cut", 5, 1, (0, 8, 6), (3, 12, 12, 1), [1, 1], patches=9)


# pix2pix (Isola et al. 2017)


class Dropout(nn.Module):
    """Mirage's, at a path of indices and names."""

    def __init__(self, path):
        super().__init__()
        self.path, self.random = path, None

    def forward(self, x):
        if not self.training:
            return x
        random = self.random
        for part in self.path:
            random = random.derived(part)
        images, channels, height, width = x.shape
        drawn = channels_first(random.uniform((images, height, width, channels))).contiguous()
        return x * 2 * (drawn < 0.5)


class PixToPix(Translation):
    def build(self):
        c, a, b = self.c, self.c.channels_a, self.c.channels_b
        shared = {"normalization": c.normalization, "dropout": c.dropout}
        g = (
            ResNetGenerator(c.blocks, c.filters, a, b, **shared)
            if c.network == "resnet"
            else UNetGenerator(c.downs, c.filters, a, b, **shared)
        )
        for name, module in list(g.named_modules()):
            if isinstance(module, nn.Dropout):
                outer, _, last = name.rpartition(".")
                path = [part for part in name.split(".") if part != "model"]
                setattr(g.get_submodule(outer), last, Dropout(path))
        layers, filters = c.discriminator_layers, c.discriminator_filters
        return {"G": g, "D": PatchDiscriminator(layers, filters, a + b, c.normalization)}

    def losses(self, step):
        g, d = self.networks["G"], self.networks["D"]
        for module in g.modules():
            if isinstance(module, Dropout):
                module.random = Random("pix-to-pix", sample=step + 1).derived("fake")
        inputs, targets = self.images("A", step, self.c.channels_a), self.images("B", step, self.c.channels_b)
        of_generator, of_discriminator = LOSSES[self.r.loss]
        fakes = g(inputs)
        real = d(torch.cat([inputs, targets], 1))
        discriminator = of_discriminator(real, d(torch.cat([inputs, fakes.detach()], 1)))
        self.move("D", discriminator)
        adversarial, l1 = of_generator(d(torch.cat([inputs, fakes], 1))), F.l1_loss(fakes, targets)
        total = adversarial + l1 * self.r.l1_weight
        self.move("G", total)
        return {"discriminator": discriminator, "adversarial": adversarial, "l1": l1, "generator-loss": total}, inputs


def pix_to_pix():
    def one(name, network, layers, filters, size, factors, l1=100, rate=2e-4, loss="original", **model):
        generator, discriminator = filters
        batch, height, width, a, b = size
        images = {"height": height, "width": width, "channels-a": a, "channels-b": b, "batch": batch}
        kinds = {"normalization": "instance", "dropout": False, "discriminator-layers": layers} | model
        sizes = {"network": network, "filters": generator, "discriminator-filters": discriminator}
        recipe = {"loss": loss, "l1-weight": l1, "learning-rate": rate}
        train(name, sizes | kinds | images, recipe, factors, PixToPix, "pix-to-pix")

    one("dropout", "unet", 3, (2, 5), (1, 64, 64, 3, 3), [1, 1], downs=6, dropout=True)
    one("small", "unet", 2, (6, 5), (3, 28, 28, 1, 3), [1, 0.5, 0.25], loss="least-squares", downs=2)
    one("batch-norm", "unet", 1, (4, 6), (2, 16, 24, 3, 1), [1, 1], l1=10, downs=3, normalization="batch")
    one("residual", "resnet", 1, (4, 5), (2, 12, 16, 3, 3), [1, 1], rate=1e-3, blocks=1, dropout=True)


def main() -> None:
    torch.set_num_threads(1)
    for make in (contrastive, pix_to_pix):
        make()
    write("translation")


if __name__ == "__main__":
    main()
