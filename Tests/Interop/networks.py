"""What Mirage trained works the same in PyTorch, and the other way round: weights by name, and what they give."""

import json
import sys
from pathlib import Path

import numpy as np
from common import CLASSES, SAMPLES, check, fashion
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Golden"))  # cyclegan_networks stands there

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


# CycleGAN, with the repository's networks

SNEAKER, BOOT = "Sneaker", "Ankle boot"
PAD = 50  # pixels on each side of 28 for the 128 of a U-Net

CYCLEGANS = {
    "resnet": {"blocks": 2, "filters": 4, "discriminator-layers": 2, "discriminator-filters": 4},
    "resize-batch": {"blocks": 1, "filters": 4, "upsampling": "resize", "normalization": "batch", "dropout": True}
    | {"discriminator": "pixel", "discriminator-filters": 4},
    "unet": {"network": "unet-128", "filters": 4, "discriminator-filters": 4},
}


def cyclegan(model: dict) -> dict:
    """The four networks by their prefix in a checkpoint."""
    from cyclegan_networks import NETWORKS

    shared = {"normalization": model.get("normalization", "instance")}
    generator = shared | {"filters": model["filters"], "inputs": 1, "outputs": 1}
    generator["dropout"] = model.get("dropout", False)
    kind = "unet" if "network" in model else "resnet"
    if kind == "unet":
        generator["downs"] = 7
    else:
        generator |= {"blocks": model["blocks"], "upsampling": model.get("upsampling", "transposed")}
    discriminator = shared | {"filters": model["discriminator-filters"], "inputs": 1}
    judge = model.get("discriminator", "patch")
    if judge == "patch":
        discriminator["layers"] = model.get("discriminator-layers", 3)
    made = {name: NETWORKS[kind](**generator) for name in ("G_A", "G_B")}
    return made | {name: NETWORKS[judge](**discriminator) for name in ("D_A", "D_B")}


def padding(model: dict) -> int:
    return PAD if "network" in model else 0


def translated_by_mirage(mirage, directory, model: dict, stage: dict) -> np.ndarray:
    """What a stage makes of the sample's sneakers."""
    stages = [{"take": 100}] + ([{"pad": {"padding": PAD}}] if padding(model) else []) + [stage]
    source = {"mnist": {"directory": str(SAMPLES), "split": "train"}}
    mirage.run(directory, "translate", source, {"image-folder": {"directory": str(directory / "out")}}, stages)
    rows = [json.loads(line) for line in (directory / "out" / "metadata.jsonl").read_text().splitlines()]
    return np.stack([np.asarray(Image.open(directory / "out" / row["file_name"])) for row in rows])


def translated_by_pytorch(generator, model: dict) -> np.ndarray:
    import torch

    images, labels = fashion("train")
    chosen = images[:100][labels[:100] == CLASSES.index(SNEAKER)]
    amount = padding(model)
    chosen = np.pad(chosen, ((0, 0), (amount, amount), (amount, amount)))
    with torch.no_grad():
        output = generator.eval()(torch.from_numpy(chosen.astype(np.float32) / 127.5 - 1)[:, None])
    return ((output[:, 0].numpy() + 1) * 127.5).round()


def same_pictures(mirage: np.ndarray, pytorch: np.ndarray) -> None:
    assert mirage.shape == pytorch.shape and len(mirage) > 3, f"{mirage.shape} in Mirage, {pytorch.shape} in PyTorch"
    assert pytorch.std() > 0.5, "in PyTorch the pictures are of one color"
    worst = np.abs(mirage.astype(float) - pytorch).max()
    assert worst <= 1, f"a pixel differs by {worst} levels"


def trained_cyclegan(mirage, directory, model: dict) -> tuple[Path, np.ndarray]:
    """A checkpoint after a few steps, and what it makes of the sneakers."""
    file = directory / "cyclegan.safetensors"
    stage = {"checkpoint": str(file), "from": [SNEAKER], "to": [BOOT], "model": model}
    stage |= {"train": {"steps": 10, "batch": 2, "learning-rate": 0.02}, "watch": {"metric": "none"}}
    stage["translate"] = {"originals": "drop"}
    return file, translated_by_mirage(mirage, directory, model, {"cycle-gan": stage})


def cyclegan_by_pytorch(mirage, directory, model: dict) -> None:
    import safetensors.torch

    file, pictures = trained_cyclegan(mirage, directory, model)
    state = safetensors.torch.load_file(file)
    networks = cyclegan(model)
    for prefix, network in networks.items():
        own = {key.removeprefix(f"{prefix}."): value for key, value in state.items() if key.startswith(f"{prefix}.")}
        network.load_state_dict(own, strict=True)
    same_pictures(pictures, translated_by_pytorch(networks["G_A"], model))


def cyclegan_from_pytorch(mirage, directory, model: dict) -> None:
    """PyTorch's weights in place of Mirage's."""
    import safetensors.torch
    import torch
    from safetensors import safe_open

    file, _ = trained_cyclegan(mirage, directory, model)
    with safe_open(file, "pt") as opened:
        header = opened.metadata()
    torch.manual_seed(5)
    networks = cyclegan(model)
    for parameter in networks["G_A"].parameters():  # the small usual ones would make gray pictures
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    state = {f"{prefix}.{key}": value for prefix in ("G_A", "G_B") for key, value in networks[prefix].state_dict().items()}
    replaced = directory / "replaced.safetensors"
    safetensors.torch.save_file(state, replaced, metadata=header)
    stage = {"translate": {"checkpoint": str(replaced), "classes": [SNEAKER], "originals": "drop"}}
    (directory / "again").mkdir()
    pictures = translated_by_mirage(mirage, directory / "again", model, stage)
    same_pictures(pictures, translated_by_pytorch(networks["G_A"], model))


def add_cyclegan_checks() -> None:
    for test in (cyclegan_by_pytorch, cyclegan_from_pytorch):
        for name, model in CYCLEGANS.items():

            def run(mirage, directory, test=test, model=model):
                test(mirage, directory, model)

            run.__name__ = f"{test.__name__}_{name.replace('-', '_')}"
            check(run)


add_cyclegan_checks()
