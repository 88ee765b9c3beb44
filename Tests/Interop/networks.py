"""What Mirage trained works the same in PyTorch, and the other way round: weights by name, and what they give."""

import json
from pathlib import Path

import numpy as np
from common import SAMPLES, check, fashion

# The accuracies of both may differ by this: near a tie of two classes the last bits decide.
TOLERANCE = 0.005


def classifier():
    """The network of `mirage train-classifier`."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def tensors(split: str):
    """Images (count, 1, 28, 28) in [-1, 1] and labels of the sample."""
    import torch

    images, labels = fashion(split)
    return torch.from_numpy(images.astype(np.float32) / 127.5 - 1)[:, None], torch.from_numpy(labels)


def accuracy(network) -> float:
    """Of the test split, from 0 to 1."""
    import torch

    images, labels = tensors("test")
    network.eval()
    with torch.no_grad():
        found = torch.cat([network(part).argmax(dim=1) for part in images.split(500)])
    return (found == labels).double().mean().item()


def same_accuracy(mirage: float, pytorch: float) -> None:
    assert 0.3 < pytorch <= 1, f"in PyTorch the network has learned nothing: accuracy {pytorch}"
    assert abs(mirage - pytorch) <= TOLERANCE, f"accuracy {mirage} in Mirage, {pytorch} in PyTorch"


@check
def classifier_by_pytorch(mirage, directory):
    import safetensors.torch

    file = directory / "classifier.safetensors"
    printed = mirage.command("train-classifier", SAMPLES, "--output", file, "--epochs", "1", "--json")
    result = json.loads(printed)
    assert result["steps"] > 0, f"printed {printed!r}"
    # What begins with two underscores is not the model's: the optimizer's state and the like.
    state = safetensors.torch.load_file(file)
    weights = {name: tensor for name, tensor in state.items() if not name.startswith("__")}
    network = classifier()
    network.load_state_dict(weights, strict=True)
    same_accuracy(result["accuracy"], accuracy(network))


def trained():
    """The network after one epoch on the sample in PyTorch."""
    import torch

    torch.manual_seed(7)
    network = classifier()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    images, labels = tensors("train")
    for batch in torch.randperm(len(images)).split(64):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
        optimizer.step()
    return network


def test_by_mirage(mirage, file: Path) -> float:
    return json.loads(mirage.command("test-classifier", file, SAMPLES, "--json"))["accuracy"]


@check
def classifier_from_safetensors(mirage, directory):
    import safetensors.torch

    network = trained()
    file = directory / "classifier.safetensors"
    safetensors.torch.save_file(network.state_dict(), file)
    same_accuracy(test_by_mirage(mirage, file), accuracy(network))


@check
def classifier_from_torch_save(mirage, directory):
    import torch

    network = trained()
    file = directory / "classifier.pth"
    torch.save(network.state_dict(), file)
    same_accuracy(test_by_mirage(mirage, file), accuracy(network))
