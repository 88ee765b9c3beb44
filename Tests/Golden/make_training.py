#!/usr/bin/env python3
"""Writes what PyTorch makes of training: losses, optimizers, schedules, clipping, spectral normalization, GAN layers.

    .venv/bin/pip install -r Tests/Golden/requirements.txt
    .venv/bin/python Tests/Golden/make_training.py

training.json has one list of cases for each of these, training.safetensors their arrays; README.md says what the fields
mean. Float64 from inputs that are exact in Float32, Mirage's layouts, PyTorch's names, as in make_tensors.py.
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save
from torch import nn

from make_tensors import channels_first, channels_last

HERE = Path(__file__).resolve().parent
MARGIN = 4  # PyTorch's own Float32 must be within the tolerance this many times over
sections, arrays = {}, {}


def add(section: str, row: dict) -> None:
    sections.setdefault(section, []).append(row)


def put(key: str, value) -> str:
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    assert key not in arrays and np.isfinite(value).all(), key
    arrays[key] = np.array(value, np.float32, order="C")
    return key


def draw(name: str):
    """Normal numbers from a seed of the case's own name, rounded to Float32, as Float64."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return lambda *shape, scale=1.0: torch.tensor(np.asarray(random.normal(0, scale, shape), np.float32)).double()


def differentiable(section, name, inputs: dict, function, tolerance=1e-5, **fields):
    """A case with an output, a gradient of it for each input, and a seed unless the output is a scalar."""
    key = f"{section}/{name}"

    def run(precision):
        given = {k: v.detach().to(precision).requires_grad_() for k, v in inputs.items()}
        output = function(**given)
        seed = draw(key + "/seed")(*output.shape) if output.ndim else torch.tensor(1.0)
        gradients = torch.autograd.grad(output, list(given.values()), seed.to(precision))
        return output, gradients, seed

    output, gradients, seed = run(torch.float64)
    rough_output, rough_gradients, _ = run(torch.float32)
    for exact, rough in zip((output, *gradients), (rough_output, *rough_gradients)):
        check(key, exact, rough, tolerance)
    row = {"name": name, **fields, "inputs": {k: put(f"{key}/{k}", v) for k, v in inputs.items()}}
    row["output"] = put(f"{key}/output", output)
    if output.ndim:
        row["seed"] = put(f"{key}/seed", seed)
    row["gradients"] = {k: put(f"{key}/gradient-{k}", g) for k, g in zip(inputs, gradients)}
    add(section, {**row, "tolerance": tolerance})


def check(key, exact, rough, tolerance):
    error = ((rough.double() - exact).abs() / (1 + exact.abs())).max().item()
    if error * MARGIN > tolerance:
        print(f"{key}: Float32 is off by {error:.1e}, tolerance {tolerance}")


# Losses. All are means over the batch.


def losses():
    def loss(name, inputs, function, **fields):
        differentiable("losses", name, inputs, function, **fields)

    def logits(name, *shape, scale=1.5):
        return draw(name)(*shape, scale=scale)

    for name, target in [
        ("ones", torch.ones(5, 3)),
        ("zeros", torch.zeros(5, 3)),
        ("soft", torch.linspace(0, 1, 15).reshape(5, 3)),
    ]:
        target = target.double()
        fields = {"loss": "binary-cross-entropy", "targets": put(f"losses/bce-{name}/targets", target)}
        bce = lambda logits, t=target: F.binary_cross_entropy_with_logits(logits, t.to(logits.dtype))  # noqa: E731
        loss(f"bce-{name}", {"logits": logits(name, 5, 3)}, bce, **fields)
    large = torch.tensor([-100.0, -40, -17, 17, 40, 100]).double()
    target = torch.tensor([0.0, 1, 0.25, 0.75, 0, 1]).double()
    fields = {"loss": "binary-cross-entropy", "targets": put("losses/bce-large/targets", target)}
    bce = lambda logits: F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))  # noqa: E731
    loss("bce-large", {"logits": large}, bce, **fields)

    labels = [3, 0, 9, 9, 1, 5]
    for name, smoothing in [("labels", 0.0), ("label-smoothing", 0.1)]:
        def function(logits, smoothing=smoothing):
            return F.cross_entropy(logits, torch.tensor(labels), label_smoothing=smoothing)

        fields = {"loss": "cross-entropy", "labels": labels, "smoothing": smoothing}
        loss(f"cross-entropy-{name}", {"logits": logits(name, 6, 10)}, function, **fields)
    soft = torch.softmax(draw("soft labels")(4, 7), -1).float().double()
    fields = {"loss": "soft-cross-entropy", "targets": put("losses/cross-entropy-soft/targets", soft)}
    function = lambda logits: F.cross_entropy(logits, soft.to(logits.dtype))  # noqa: E731
    loss("cross-entropy-soft", {"logits": logits("soft", 4, 7)}, function, **fields)

    pair = {"prediction": logits("prediction", 4, 3, 2), "target": logits("target", 4, 3, 2)}
    loss("mse", pair, lambda prediction, target: F.mse_loss(prediction, target), loss="mean-squared-error")
    loss("l1", pair, lambda prediction, target: F.l1_loss(prediction, target), loss="mean-absolute-error")

    pair = {"real": logits("real", 8, scale=1), "fake": logits("fake", 8, scale=1)}

    def hinge(real, fake):
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    loss("hinge-discriminator", pair, hinge, loss="hinge-discriminator")
    loss("hinge-generator", {"fake": pair["fake"]}, lambda fake: -fake.mean(), loss="hinge-generator")

    def least_squares(real, fake):
        return ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2

    loss("lsgan-discriminator", pair, least_squares, loss="least-squares-discriminator")

    def original(real, fake):
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    loss("original-discriminator", pair, original, loss="original-discriminator")
    loss("original-generator", {"fake": pair["fake"]}, lambda fake: F.softplus(-fake).mean(), loss="original-generator")

    def to_standard_normal(mean, log_variance):
        return (-0.5 * (1 + log_variance - mean**2 - log_variance.exp())).sum(1).mean()

    gaussian = {"mean": logits("mean", 4, 6, scale=1), "log_variance": logits("log variance", 4, 6, scale=0.7)}
    loss("kl-standard-normal", gaussian, to_standard_normal, loss="kl-standard-normal")

    def between(p, q):
        return (p.softmax(-1) * (p.log_softmax(-1) - q.log_softmax(-1))).sum(-1).mean()

    loss("kl-logits", {"p": logits("p", 4, 7), "q": logits("q", 4, 7)}, between, loss="kl-divergence")


# Gradient penalties: a gradient of a gradient, through a critic of a convolution, a leaky ReLU and a linear layer


def penalties():
    new = draw("penalties")
    inputs = {"x": new(3, 5, 4, 2), "weight": new(3, 2, 3, 3, scale=0.4), "bias": new(3)}
    inputs |= {"linear": new(1, 3 * 5 * 4, scale=0.3)}

    def gradient(x, weight, bias, linear):
        hidden = F.leaky_relu(F.conv2d(channels_first(x), weight, bias, padding=1), 0.2)
        logits = F.linear(hidden.tanh().flatten(1), linear)  # the tanh gives x a second derivative
        return torch.autograd.grad(logits.sum(), x, create_graph=True)[0]

    def r1(**inputs):
        return gradient(**inputs).square().sum((1, 2, 3)).mean() * 10 / 2

    def wgan_gp(**inputs):
        return (gradient(**inputs).square().sum((1, 2, 3)).sqrt() - 1).square().mean() * 10

    differentiable("penalties", "r1", inputs, r1, 5e-5, gamma=10)
    differentiable("penalties", "wgan-gp", inputs, wgan_gp, 5e-5, weight=10)


# Optimizers: ten steps of a small network, 6 x 5 pixels in 2 channels to 4 classes


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1, bias=False)  # a bias has no gradient before a norm: only noise
        self.norm = nn.BatchNorm2d(3)
        self.linear = nn.Linear(3 * 6 * 5, 4)

    def forward(self, x):
        return self.linear(F.leaky_relu(self.norm(self.conv(x)), 0.2).flatten(1))


def optimizers():
    new = draw("optimizers")
    initial = {
        "conv.weight": new(3, 2, 3, 3, scale=0.3),
        "norm.weight": 1 + new(3, scale=0.1),
        "norm.bias": new(3, scale=0.1),
        "linear.weight": new(4, 90, scale=0.1),
        "linear.bias": new(4, scale=0.1),
    }
    initial = {name: value.float().double() for name, value in initial.items()}
    batches = [new(4, 6, 5, 2) for _ in range(10)]
    labels = [[(3 * step + 2 * i + step * i) % 4 for i in range(4)] for step in range(10)]
    shared = {
        "initial": {name: put(f"optimizers/initial/{name}", value) for name, value in initial.items()},
        "batches": [put(f"optimizers/batch{step}", batch) for step, batch in enumerate(batches)],
        "labels": labels,
    }

    def train(make, precision):
        network = Network().to(precision)
        network.load_state_dict(initial, strict=False)
        optimizer = make(network.parameters())
        losses = []
        for batch, classes in zip(batches, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(channels_first(batch.to(precision))), torch.tensor(classes))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        state = network.state_dict()
        del state["norm.num_batches_tracked"]  # not Float32; it is 10
        network.eval()
        return losses, state, network(channels_first(batches[0].to(precision)))

    optim = torch.optim
    for name, kind, settings in [
        ("sgd", optim.SGD, dict(lr=0.1)),
        ("sgd-momentum", optim.SGD, dict(lr=0.05, momentum=0.9)),
        ("sgd-nesterov", optim.SGD, dict(lr=0.05, momentum=0.9, nesterov=True)),
        ("sgd-weight-decay", optim.SGD, dict(lr=0.05, momentum=0.9, weight_decay=0.1)),
        ("adam", optim.Adam, dict(lr=0.01)),
        ("adam-gan", optim.Adam, dict(lr=0.01, betas=(0.5, 0.999))),
        ("adam-no-momentum", optim.Adam, dict(lr=0.01, betas=(0.0, 0.9))),
        ("adam-weight-decay", optim.Adam, dict(lr=0.01, weight_decay=0.1)),
        ("adamw", optim.AdamW, dict(lr=0.01, weight_decay=0.1)),
        ("rmsprop", optim.RMSprop, dict(lr=0.005)),
        ("rmsprop-momentum", optim.RMSprop, dict(lr=0.002, alpha=0.9, momentum=0.9)),
    ]:
        tolerance = 1e-4
        make = lambda parameters, kind=kind, settings=settings: kind(parameters, **settings)  # noqa: E731
        losses, state, output = train(make, torch.float64)
        rough_losses, rough_state, rough_output = train(make, torch.float32)
        check(f"{name} losses", torch.tensor(losses).double(), torch.tensor(rough_losses), tolerance)
        check(f"{name} output", output, rough_output, tolerance)
        for key in state:
            check(f"{name} {key}", state[key], rough_state[key], tolerance)
        row = {"name": name, "optimizer": kind.__name__, "settings": hyphenated(settings), **shared}
        row["losses"] = losses
        row["final"] = {key: put(f"optimizers/{name}/{key}", value) for key, value in state.items()}
        row["output"] = put(f"optimizers/{name}/output", output)
        add("optimizers", {**row, "tolerance": tolerance})


def hyphenated(settings):
    return {key.replace("_", "-"): value for key, value in settings.items()}


# Learning-rate schedules: rates[t] is that of step t


def schedules():
    schedule = torch.optim.lr_scheduler

    def one(name, kind, make, formula, **settings):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.01)
        scheduler = make(optimizer)
        rates = []
        for _ in range(30):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        settings = hyphenated(settings)
        add("schedules", {"name": name, "schedule": kind, "settings": settings, "formula": formula, "rates": rates})

    one("constant", "constant", lambda o: schedule.ConstantLR(o, 1, 1), "r")
    one("step", "step", lambda o: schedule.StepLR(o, 7, 0.5), "r gamma^floor(t / every)", every=7, gamma=0.5)
    cosine = "end + (r - end) (1 + cos(pi t / steps)) / 2"
    one("cosine", "cosine", lambda o: schedule.CosineAnnealingLR(o, 30), cosine, steps=30, end=0)
    one("cosine-end", "cosine", lambda o: schedule.CosineAnnealingLR(o, 29, 0.001), cosine, steps=29, end=0.001)
    one(
        "linear-decay",
        "constant-then-linear",
        lambda o: schedule.LambdaLR(o, lambda t: 1 - max(0, t - 10) / 20),
        "r (1 - max(0, t - constant) / decay)",
        constant=10,
        decay=20,
    )
    one(
        "linear-decay-cyclegan",
        "cyclegan",
        lambda o: schedule.LambdaLR(o, lambda t: 1 - max(0, t + 1 - 15) / 16),
        "r (1 - max(0, t + 1 - constant) / (decay + 1)), t in epochs: the authors' code",
        constant=15,
        decay=15,
    )
    one(
        "warm-up",
        "warm-up",
        lambda o: schedule.LambdaLR(o, lambda t: min(1, (t + 1) / 5)),
        "r min(1, (t + 1) / steps)",
        steps=5,
    )
    one(
        "linear",
        "linear",
        lambda o: schedule.LinearLR(o, 0.1, 1, 5),
        "r (start + (end - start) min(t, steps) / steps)",
        start=0.1,
        end=1,
        steps=5,
    )


# Clipping


def clipping():
    new = draw("clipping")
    gradients = [new(3, 4), new(5), new(2, 2, 1, 1)]
    given = [put(f"clipping/gradient{i}", g) for i, g in enumerate(gradients)]
    for name, kind, limit in [("norm", "norm", 1.0), ("norm-unclipped", "norm", 100.0), ("value", "value", 0.5)]:
        parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.clone()
        row = {"name": name, "clip": kind, "limit": limit, "gradients": given}
        if kind == "norm":
            row["norm"] = nn.utils.clip_grad_norm_(parameters, limit).item()
        else:
            nn.utils.clip_grad_value_(parameters, limit)
        row["output"] = [put(f"clipping/{name}/output{i}", p.grad) for i, p in enumerate(parameters)]
        add("clipping", {**row, "tolerance": 1e-5})


# Spectral normalization. The two implementations differ in the order of a power iteration, so in u and v.


def spectral_norms():
    for variant, wrap in [
        ("parametrization", nn.utils.parametrizations.spectral_norm),  # u = norm(W v), then v = norm(W^T u)
        ("legacy", nn.utils.spectral_norm),  # v = norm(W^T u), then u = norm(W v)
    ]:
        for name, make, shape in [
            ("linear", lambda: nn.Linear(7, 5), (4, 7)),
            ("convolution", lambda: nn.Conv2d(2, 4, 3, 1, 1), (2, 5, 4, 2)),
            ("transpose-convolution", lambda: nn.ConvTranspose2d(3, 2, 4, 2, 1), (2, 3, 2, 3)),  # W has O rows too
        ]:
            key = f"spectral-norm/{variant}-{name}"
            new = draw(name)
            layer = wrap(make().double())
            if variant == "legacy":
                names = dict(weight="weight_orig", u="weight_u", v="weight_v", bias="bias")
            else:
                prefix = "parametrizations.weight"
                names = dict(weight=f"{prefix}.original", u=f"{prefix}.0._u", v=f"{prefix}.0._v", bias="bias")
            state = layer.state_dict()
            given = {k: new(*state[n].shape) for k, n in names.items()}
            given |= {k: (given[k] / given[k].norm()).float().double() for k in ("u", "v")}
            layer.load_state_dict({names[k]: v for k, v in given.items()})
            x = new(*shape)
            row = {"name": f"{variant}-{name}", "variant": variant, "layer": name, "names": names}
            row["inputs"] = {k: put(f"{key}/{k}", v) for k, v in {**given, "x": x}.items()}
            row["forwards"] = []
            for step in range(4):
                mode = "training" if step < 3 else "inference"
                layer.train(mode == "training")
                layer.zero_grad()
                y = channels_last(layer(channels_first(x))) if x.ndim > 2 else layer(x)
                seed = new(*y.shape)
                y.backward(seed)
                found = {n: t.detach() for n, t in layer.named_parameters()}
                found |= dict(layer.named_buffers())
                gradients = {n: t.grad for n, t in layer.named_parameters()}
                one = {"mode": mode, "output": put(f"{key}/output{step}", y), "seed": put(f"{key}/seed{step}", seed)}
                for k in ("u", "v"):
                    one[k] = put(f"{key}/{k}{step}", found[names[k]].clone())
                one["gradient"] = put(f"{key}/gradient{step}", gradients[names["weight"]].clone())
                row["forwards"].append(one)
            add("spectral-norm", {**row, "epsilon": 1e-12, "tolerance": 5e-5})


# Initializers: the bound of a uniform distribution, or the deviation of a normal one


def initializers():
    init = nn.init
    shapes = {"linear": (5, 7), "convolution": (16, 3, 4, 4), "transpose-convolution": (8, 4, 3, 3), "1d": (6, 2, 25)}
    for layer, shape in shapes.items():
        fan_in, fan_out = init._calculate_fan_in_and_fan_out(torch.empty(shape))
        fans = {"shape": shape, "layer": layer, "fan-in": fan_in, "fan-out": fan_out}

        def one(name, kind, value, **settings):
            add("initializers", {"name": f"{name}-{layer}", "initializer": name, **fans, **settings, kind: value})

        for gain in (1.0, 0.02):
            deviation = gain * math.sqrt(2 / (fan_in + fan_out))
            suffix = "" if gain == 1 else f"-gain-{gain}"
            one(f"xavier-normal{suffix}", "deviation", deviation, gain=gain)
            one(f"xavier-uniform{suffix}", "bound", math.sqrt(3) * deviation, gain=gain)
        for activation, slope in [("relu", 0), ("leaky_relu", 0.2), ("linear", 0), ("tanh", 0)]:
            gain = init.calculate_gain(activation, slope)
            for mode, fan in [("fan-in", fan_in), ("fan-out", fan_out)]:
                settings = {"activation": activation.replace("_", "-"), "slope": slope, "mode": mode, "gain": gain}
                one(f"kaiming-normal-{settings['activation']}-{mode}", "deviation", gain / math.sqrt(fan), **settings)
                bound = math.sqrt(3) * gain / math.sqrt(fan)
                one(f"kaiming-uniform-{settings['activation']}-{mode}", "bound", bound, **settings)
        one("default-weight", "bound", 1 / math.sqrt(fan_in))  # Linear's and Conv's own: kaiming uniform, slope sqrt 5
        one("default-bias", "bound", 1 / math.sqrt(fan_in))
    # The formulas above against the functions themselves.
    torch.manual_seed(0)
    weight = torch.empty(300, 200)
    for row in sections["initializers"]:
        assert row.get("bound", 1) > 0 and row.get("deviation", 1) > 0
    assert abs(init.xavier_uniform_(weight).abs().max().item() - math.sqrt(6 / 500)) < 1e-4
    assert abs(init.kaiming_uniform_(weight, 0.2).abs().max().item() - math.sqrt(6 / (1 + 0.04) / 200)) < 1e-4
    assert abs(nn.Linear(200, 300).weight.abs().max().item() - 1 / math.sqrt(200)) < 1e-4


# Layers of GANs


def layers():
    # SAGAN (Zhang et al. 2019). attention[i, j] = softmax over j of query_i . key_j, not scaled; gamma starts at 0.
    def attended(x, query, key, value):
        def project(weight, bias):
            return F.conv2d(channels_first(x), weight, bias).flatten(2)  # N, C, pixels

        weights = torch.softmax(project(*query).mT @ project(*key), -1)  # N, pixels, pixels
        return (project(*value) @ weights.mT).unflatten(2, x.shape[1:3])

    def parameters(new, **channels):
        found = {"x": new(2, 3, 4, 16)}
        for name, (o, i) in channels.items():
            found[f"{name}_weight"], found[f"{name}_bias"] = new(o, i, 1, 1, scale=0.3), new(o, scale=0.3)
        return found | {"gamma": new(1)}

    def whole_value(x, query_weight, query_bias, key_weight, key_bias, value_weight, value_bias, gamma):
        query, key, value = (query_weight, query_bias), (key_weight, key_bias), (value_weight, value_bias)
        return gamma * channels_last(attended(x, query, key, value)) + x

    new = draw("attention")
    inputs = parameters(new, query=(2, 16), key=(2, 16), value=(16, 16))
    differentiable(
        "layers",
        "self-attention",
        inputs,
        whole_value,
        5e-5,
        layer="self-attention",
        variant="query and key C / 8, value C, no output convolution, no pooling; gamma attention(x) + x",
    )

    def half_value(x, query_weight, query_bias, key_weight, key_bias, value_weight, value_bias, output_weight,
                   output_bias, gamma):  # fmt: skip
        query, key, value = (query_weight, query_bias), (key_weight, key_bias), (value_weight, value_bias)
        return gamma * channels_last(F.conv2d(attended(x, query, key, value), output_weight, output_bias)) + x

    inputs = parameters(new, query=(2, 16), key=(2, 16), value=(8, 16), output=(16, 8))
    differentiable(
        "layers",
        "self-attention-half",
        inputs,
        half_value,
        5e-5,
        layer="self-attention-half",
        variant="query and key C / 8, value C / 2, a 1 x 1 convolution back to C, no pooling; gamma attention(x) + x",
    )

    # ProGAN (Karras et al. 2018), as in StyleGAN2: the groups are n mod (N / group), the deviation is biased.
    def minibatch_deviation(x, group, features):
        n, h, w, c = x.shape
        grouped = channels_first(x).reshape(group, n // group, features, c // features, h, w)
        deviation = (grouped.var(0, correction=0) + 1e-8).sqrt().mean((2, 3, 4))  # N / group, features
        return torch.cat([x, deviation.repeat(group, 1)[:, None, None, :].expand(n, h, w, features)], -1)

    for name, n, group, features in [("one-group", 4, 4, 1), ("two-groups", 6, 3, 1), ("two-features", 4, 2, 2)]:
        differentiable(
            "layers",
            f"minibatch-deviation-{name}",
            {"x": draw(name)(n, 2, 3, 4)},
            lambda x, group=group, features=features: minibatch_deviation(x, group, features),
            layer="minibatch-deviation",
            group=group,
            features=features,
            epsilon=1e-8,
        )

    labels = [2, 0, 2, 1, 0]
    new = draw("conditional batch norm")

    def conditional_batch_norm(x, scale, offset):
        y = channels_last(F.batch_norm(channels_first(x), None, None, training=True, eps=1e-5))
        return y * scale[labels][:, None, None] + offset[labels][:, None, None]

    inputs = {"x": new(5, 2, 3, 4), "scale": 1 + new(3, 4, scale=0.3), "offset": new(3, 4)}
    inputs["scale"] = inputs["scale"].float().double()
    fields = {"layer": "conditional-batch-norm", "labels": labels, "epsilon": 1e-5}
    differentiable("layers", "conditional-batch-norm", inputs, conditional_batch_norm, 5e-5, **fields)

    def pixel_norm(x):
        return x / (x.square().mean(-1, keepdim=True) + 1e-8).sqrt()

    fields = {"layer": "pixel-norm", "epsilon": 1e-8}
    differentiable("layers", "pixel-norm", {"x": draw("pixel norm")(2, 2, 3, 5)}, pixel_norm, **fields)

    # Miyato and Koyama 2018: linear(phi) + <embedding of the label, phi>, where phi is x summed over pixels.
    def projection(x, linear_weight, linear_bias, embedding):
        phi = x.sum((1, 2))
        return F.linear(phi, linear_weight, linear_bias)[:, 0] + (phi * embedding[labels]).sum(1)

    new = draw("projection")
    inputs = {"x": new(5, 2, 3, 4), "linear_weight": new(1, 4), "linear_bias": new(1), "embedding": new(3, 4)}
    differentiable("layers", "projection", inputs, projection, layer="projection", labels=labels)


def write(stem: str) -> None:
    """One row a line, so that a change shows up as one line in a diff."""
    lists = (f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for name, rows in sections.items())
    (HERE / f"{stem}.json").write_text("{\n" + ",\n".join(lists) + "\n}\n")
    data = save(arrays)
    (HERE / f"{stem}.safetensors").write_bytes(data)
    print({name: len(rows) for name, rows in sections.items()}, f"{len(arrays)} arrays, {len(data) / 1e6:.2f} MB")


def main() -> None:
    torch.set_num_threads(1)
    for make in (losses, penalties, optimizers, schedules, clipping, spectral_norms, initializers, layers):
        make()
    write("training")


if __name__ == "__main__":
    main()
