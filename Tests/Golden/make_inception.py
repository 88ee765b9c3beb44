#!/usr/bin/env python3
"""Writes what pytorch-fid's Inception network makes of small images.

    .venv/bin/pip install -r Tests/Golden/requirements.txt
    .venv/bin/python Tests/Golden/make_inception.py

The network's own weights are too large for a repository. Here they come from a rule that the Swift test follows as well:
element i of an entry is center + scale * s, in Float32, where s is from -1 to 1 and comes from a hash of the entry's name
and of i. inception.json lists the entries and the cases, inception.safetensors holds the cases' arrays; README.md says
what the fields mean. PyTorch computes in Float64.
"""

import json
import math
import sys
from functools import reduce
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Benchmarks" / "Peers"))  # torchvision_cpu stands there
from torchvision_cpu import torchvision  # noqa: E402
from pytorch_fid import inception as fid  # noqa: E402

HERE = Path(__file__).resolve().parent
TOLERANCE, MARGIN = 1e-4, 4  # PyTorch's own Float32 must be within the tolerance this many times over


def signed(name, count):
    """Multiples of 2^-23 from -1 to 1, 1 excluded: the name's FNV-1a hash and the index, mixed as MurmurHash3 ends."""
    start = reduce(lambda hash, byte: (hash ^ byte) * 16777619 % 2**32, name.encode(), 2166136261)
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(start)
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35)]:
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float32) * np.float32(2**-23) - np.float32(1)


def numbers(name, shape):
    """The center and the scale of an entry: activations stay near 1, and batch normalization does something."""
    kind = name.rsplit(".", 1)[-1]
    if len(shape) >= 2:
        return 0.0, math.sqrt(6 / math.prod(shape[1:]))
    return {
        "weight": (1.0, 0.5), "bias": (0.0, 0.5), "running_mean": (0.0, 0.5), "running_var": (1.0, 0.5),
        "num_batches_tracked": (0.0, 0.0),
    }[kind]


def entry(name, shape, center, scale):
    values = np.float32(center) + np.float32(scale) * signed(name, math.prod(shape))
    return torch.tensor(values.reshape(shape))


def build():
    """pytorch-fid's network, which would fetch its weights, with those of the rule."""
    with mock.patch.multiple(fid, load_state_dict_from_url=mock.DEFAULT):
        with mock.patch.object(torchvision.models.Inception3, "load_state_dict"):
            network = fid.fid_inception_v3()
    entries = {}
    for name, value in network.state_dict().items():
        center, scale = map(float, np.float32(numbers(name, value.shape)))
        entries[name] = {"shape": list(value.shape), "center": center, "scale": scale}
    network.load_state_dict({name: entry(name, **fields) for name, fields in entries.items()})
    with mock.patch.multiple(fid, fid_inception_v3=lambda: network):
        return network.eval(), fid.InceptionV3().eval(), entries


def picture(height, width, channels, seed):
    """Waves, a bright square and noise, as bytes."""
    random = np.random.default_rng(seed)
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    image = 128 + 60 * np.sin(y / 5 + seed + c) + 40 * np.cos(x / (3 + c) - y / 9) + random.normal(0, 12, x.shape)
    image[height // 4 : height // 2, width // 3 : width // 2] = 20 + 200 * (np.arange(channels) == seed % channels)
    return image.round().clip(0, 255).astype(np.uint8)


def as_input(image, precision):
    """1 x 3 x H x W from 0 to 1, as pytorch-fid reads files."""
    x = torch.tensor(image, dtype=precision).permute(2, 0, 1)[None] / 255
    return x.expand(1, 3, -1, -1)


def measure(image, precision):
    network.to(precision)
    with torch.no_grad():
        features = extractor(as_input(image, precision))[0].flatten(1)
        logits = network.fc(features)
        unbiased = features @ network.fc.weight.T  # what torch-fidelity takes for the Inception Score
    return {"features": features, "logits": logits, "unbiased": unbiased, "probabilities": unbiased.softmax(1)}


def main():
    cases, arrays = [], {}
    for seed, (name, height, width, channels) in enumerate(
        [("gray", 28, 28, 1), ("color", 32, 32, 3), ("wide", 48, 64, 3), ("shrunk", 400, 21, 1)], start=1
    ):
        image = picture(height, width, channels, seed)
        exact, rough = measure(image, torch.float64), measure(image, torch.float32)
        arrays[f"{name}/image"] = image
        for kind, value in exact.items():
            error = ((rough[kind] - value).abs() / (1 + value.abs())).max().item()
            if error * MARGIN > TOLERANCE:
                print(f"{name} {kind}: Float32 is off by {error:.1e}, tolerance {TOLERANCE}")
            arrays[f"{name}/{kind}"] = value[0].numpy().astype(np.float32)
        kinds = ["image", *exact]
        cases.append({"name": name, **{kind: f"{name}/{kind}" for kind in kinds}, "tolerance": TOLERANCE})
    save_file(arrays, HERE / "inception.safetensors")
    lists = [[f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in entries.items()], map(json.dumps, cases)]
    entry_lines, case_lines = (",\n".join("    " + line for line in lines) for lines in lists)
    text = f'{{\n  "entries": {{\n{entry_lines}\n  }},\n  "cases": [\n{case_lines}\n  ]\n}}\n'
    (HERE / "inception.json").write_text(text)


if __name__ == "__main__":
    torch.set_num_threads(1)
    network, extractor, entries = build()
    main()
