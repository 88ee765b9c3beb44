#!/usr/bin/env python3
"""Writes small checkpoints as PyTorch and safetensors make them, for the tests of their readers.

    .venv/bin/python Tests/Golden/make_checkpoints.py

checkpoints/expected.json says for each file which tensors it holds, as PyTorch sees them: name, shape and values.
layers.pth and layers.safetensors are the state of a network of every kind of layer, layers-cases.safetensors is what it
gives for an input. legacy.pth and types.safetensors come out with other bytes each time.
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent / "checkpoints"
HERE.mkdir(exist_ok=True)
torch.manual_seed(3)
expected = {}


def flatten(value, path=()):
    if isinstance(value, torch.Tensor):
        yield ".".join(path), value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, path + (str(key),))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from flatten(inner, path + (str(index),))


def expect(name, value):
    expected[name] = {
        key: {"shape": list(tensor.shape), "values": tensor.detach().float().flatten().tolist()}
        for key, tensor in flatten(value)
    }


def save(name, value, **options):
    torch.save(value, HERE / name, **options)
    expect(name, value)


# The numbers of every type; those that all types hold, and those that only some do.
types = OrderedDict(
    (str(dtype).removeprefix("torch."), torch.tensor([0, 1, 2, 100], dtype=dtype))
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    + (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
)
types["floats"] = torch.tensor([-1.5, 1e-3, 3.4e38, 1e-45])
types["halves"] = torch.tensor([-65504, 6e-8, 0.1], dtype=torch.float16)
types["brains"] = torch.tensor([-3e38, 1e-40, 0.1], dtype=torch.bfloat16)
types["doubles"] = torch.tensor([-0.1, 1e-30], dtype=torch.float64)
types["longs"] = torch.tensor([-1, 2**40, 2**53 + 1])
types["bytes"] = torch.tensor([-128, 127], dtype=torch.int8)
types["scalar"] = torch.tensor(7)
types["empty"] = torch.zeros(0)
types["empty-rows"] = torch.zeros(2, 0, 3, dtype=torch.float16)
save("types.pth", types)
save_file(types, HERE / "types.safetensors", metadata={"step": "12", "name": 'Grüße "quoted"\n'})
expect("types.safetensors", types)

# Views of shared storages.
base = torch.arange(24.0).reshape(2, 3, 4)
half = torch.randn(3, 5).half()
views = {
    "base": base,
    "tied": base,
    "transposed": base.permute(2, 0, 1),
    "sliced": base[:, 1:, ::2],
    "dense-part": base[1],
    "column": base[:, :, 3],
    "element": base[1, 2, 3],
    "expanded": torch.tensor([[1.0, 2.0]]).expand(2, 3, 2),
    "repeated": torch.tensor(4.0).expand(2, 2),
    "windows": torch.arange(6.0).unfold(0, 3, 1),
    "odd-strides": torch.arange(6.0).as_strided((1, 3, 1), (99, 2, 77)),
    "nothing": base[:0],
    "half-transposed": half.t(),
    "channels-last": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    "parameter": torch.nn.Parameter(torch.randn(2, 2)),
    "size": base.shape,
}
save("views.pth", views)

# A state dict, in two pickle protocols, and a checkpoint of training.
model = torch.nn.Sequential(
    torch.nn.Conv2d(1, 2, (2, 3)), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 2, bias=False)
)
optimizer = torch.optim.Adam(model.parameters())
model(torch.randn(2, 1, 3, 4)).sum().backward()
optimizer.step()
save("model.pth", model.state_dict())
save("model-4.pth", model.state_dict(), pickle_protocol=4)
checkpoint = {
    "model": model.state_dict(),
    "optimizer": optimizer.state_dict(),
    "epoch": 3,
    "best": 0.5,
    "classes": ["cat", "dog"],
    "history": [torch.tensor(1.0), (torch.tensor([2.0]), None)],
    ("neither", "text"): torch.zeros(1),
}
save("training.pth", checkpoint)
del expected["training.pth"]["('neither', 'text')"]
save("bare.pth", torch.arange(3))

# As PyTorch wrote before version 1.6.
legacy = {"views": views, "types": list(types.values()), ("neither", "text"): torch.zeros(1), "step": 3}
save("legacy.pth", legacy, _use_new_zipfile_serialization=False)
del expected["legacy.pth"]["('neither', 'text')"]
# A whole module instead of its state: refused, since it would have to be constructed.
torch.save(torch.nn.Linear(1, 1), HERE / "module.pth")

# Every kind of layer, after some forwards in training mode so that running statistics and spectral vectors are not those
# of the beginning. Heights and widths differ wherever they can.


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0)),
            nn.BatchNorm2d(4),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(4, 6, (3, 4), stride=(2, 3), padding=1, output_padding=(0, 2)),
            nn.InstanceNorm2d(6, affine=True),
            nn.ReLU(),
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(6, 4, 3, dilation=(1, 2), groups=2)),
            nn.utils.spectral_norm(nn.ConvTranspose2d(4, 3, 2)),
            nn.Tanh(),
            nn.Flatten(),
            nn.utils.spectral_norm(nn.Linear(3 * 4 * 16, 10)),
            nn.LayerNorm(10),
        )
        self.sequence = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Conv1d(3, 8, 5, stride=2, padding=2)),
            nn.SiLU(),
            nn.ConvTranspose1d(8, 2, 4, stride=2, padding=1, output_padding=1),
            nn.Flatten(),
            nn.utils.parametrizations.spectral_norm(nn.Linear(2 * 13, 10, bias=False)),
        )
        self.embedding = nn.Embedding(5, 10)

    def forward(self, image, sequence, labels):
        return self.features(image) + self.embedding(labels) * self.sequence(sequence)


network = Layers()
for parameter in network.parameters():  # affine scales and offsets are not left at 1 and 0
    torch.nn.init.normal_(parameter, 0.1, 0.5)
for _ in range(4):
    network(torch.randn(6, 2, 5, 7) * 2 + 1, torch.randn(6, 3, 11), torch.arange(6) % 5)
network.eval()
torch.save(network.state_dict(), HERE / "layers.pth")
save_file(network.state_dict(), HERE / "layers.safetensors")
image, sequence, labels = torch.randn(3, 2, 5, 7), torch.randn(3, 3, 11), torch.tensor([4, 0, 2])
with torch.no_grad():
    cases = {
        "image": image.permute(0, 2, 3, 1),  # channels last, as Mirage keeps them
        "sequence": sequence.permute(0, 2, 1),
        "labels": labels.float(),
        "features": network.features(image),
        "output": network(image, sequence, labels),
    }
save_file({name: value.contiguous() for name, value in cases.items()}, HERE / "layers-cases.safetensors")

lines = ",\n".join(
    f"{json.dumps(file)}: {{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in tensors.items()) + "\n}"
    for file, tensors in expected.items()
)
(HERE / "expected.json").write_text("{\n" + lines + "\n}\n")
