#!/usr/bin/env python3
"""What Mirage writes is read by the peers, and what the peers write is read by Mirage: pixels, labels and networks must
agree. The checks of networks stand in networks.py.

    interop.py --mirage .build/release/mirage --work DIR

The checks here run a pipeline without augmentation on Samples/fashion-mnist (or on data a peer wrote) and compare the
result with arrays that numpy read straight from the IDX files. Works in DIR/interop, which is emptied first.
"""

import argparse
import json
import os
import pickle
import shutil
import sys
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
from common import CLASSES, FILE_SAFE, SAMPLES, Mirage, check, checks, fashion, read_gzip
from PIL import Image

import events  # noqa: F401  its checks join the list
import networks  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Benchmarks" / "Peers"))  # torchvision_cpu stands there


def sample(split: str = "train") -> dict:
    return {"mnist": {"directory": str(SAMPLES), "split": split}}


# 32 x 32 RGB, as CIFAR-10's formats need it.
TO_CIFAR = [{"pad": {"padding": 2}}, {"grayscale": {"channels": 3}}]


def as_cifar(images: np.ndarray) -> np.ndarray:
    return np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None].repeat(3, axis=3)


# Comparisons


def same_in_order(images, labels, expected_images, expected_labels) -> None:
    assert len(images) == len(expected_images), f"{len(images)} images, expected {len(expected_images)}"
    assert len(labels) == len(expected_labels), f"{len(labels)} labels, expected {len(expected_labels)}"
    for index, (image, expected) in enumerate(zip(images, expected_images)):
        image = np.asarray(image)
        assert image.shape == expected.shape, f"image {index} has shape {image.shape}, expected {expected.shape}"
        assert (image == expected).all(), f"image {index} differs in {(image != expected).sum()} bytes"
    for index, (label, expected) in enumerate(zip(labels, expected_labels)):
        assert label == expected, f"image {index} has label {label!r}, expected {expected!r}"


def same_in_any_order(images, labels, expected_images, expected_labels) -> None:
    """For folders, which readers go through in the order of their file names."""

    def bag(images, labels):
        arrays = map(np.asarray, images)
        return Counter((label, array.shape, array.tobytes()) for array, label in zip(arrays, labels))

    found, expected = bag(images, labels), bag(expected_images, expected_labels)
    assert found.total() == expected.total(), f"{found.total()} images, expected {expected.total()}"
    wrong = found - expected
    assert not wrong, f"{wrong.total()} images are not among the expected, first with label {next(iter(wrong))[0]!r}"


def read_folder(folder: Path) -> tuple[list[np.ndarray], list[dict]]:
    """Images and rows of a folder with metadata.jsonl, in the order of its rows."""
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    return [np.asarray(Image.open(folder / row["file_name"])) for row in rows], rows


# Mirage writes, peers read


@check
def image_folder_by_torchvision(mirage, directory):
    from torchvision_cpu import torchvision

    mirage.run(directory, "write", sample(), {"image-folder": {"directory": str(directory / "out"), "format": "png"}})
    images, labels = fashion("train")
    # The default loader makes everything RGB; this one leaves gray images gray.
    folder = torchvision.datasets.ImageFolder(directory / "out", loader=lambda path: np.asarray(Image.open(path)))
    assert folder.classes == sorted(FILE_SAFE), f"classes are {folder.classes}"
    found = list(folder)
    names = [folder.classes[label] for _, label in found]
    same_in_any_order([image for image, _ in found], names, images, [FILE_SAFE[label] for label in labels])


@check
def image_folder_by_its_metadata(mirage, directory):
    mirage.run(directory, "write", sample(), {"image-folder": {"directory": str(directory / "out"), "format": "png"}})
    images, labels = fashion("train")
    found, rows = read_folder(directory / "out")
    same_in_order(found, [row["label"] for row in rows], images, [CLASSES[label] for label in labels])
    same_in_order(found, [row["label_index"] for row in rows], images, labels)


@check
def image_folder_by_hugging_face(mirage, directory):
    import datasets

    mirage.run(directory, "write", sample(), {"image-folder": {"directory": str(directory / "out"), "format": "png"}})
    images, labels = fashion("train")
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(directory / "out"), split="train", cache_dir=str(directory / "cache")
    )
    names = [CLASSES[label] for label in labels]
    same_in_any_order(loaded["image"], loaded["label"], images, names)
    same_in_any_order(loaded["image"], loaded["label_index"], images, labels)


@check
def webdataset_by_webdataset(mirage, directory):
    import webdataset

    out = directory / "out"
    sink = {"webdataset": {"directory": str(out), "samples-per-shard": 1000, "prefix": "fashion"}}
    mirage.run(directory, "write", sample(), sink)
    images, labels = fashion("train")
    shards = sorted(str(path) for path in out.glob("*.tar"))
    expected = [str(out / f"fashion-{shard:06}.tar") for shard in range(3)]
    assert shards == expected, f"shards are {shards}"
    found = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("png", "cls", "json"))
    rgb = images[..., None].repeat(3, axis=3)  # decode("pil") makes everything RGB
    same_in_order([image for image, _, _ in found], [label for _, label, _ in found], rgb, labels)
    assert all(isinstance(about, dict) for _, _, about in found), "a json member is no object"


@check
def idx_by_torchvision(mirage, directory):
    from torchvision_cpu import torchvision

    for split in ("train", "test"):  # its class wants all four files, so both splits go into one folder
        raw = directory / "out" / "FashionMNIST" / "raw"
        mirage.run(directory, f"write-{split}", sample(split), {"idx": {"directory": str(raw), "split": split}})
    for split in ("train", "test"):
        found = torchvision.datasets.FashionMNIST(directory / "out", train=split == "train")
        same_in_order(found.data.numpy(), found.targets.tolist(), *fashion(split))


@check
def idx_gzip_by_python(mirage, directory):
    sink = {"idx": {"directory": str(directory / "out"), "split": "train", "gzip": True}}
    mirage.run(directory, "write", sample(), sink)
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        assert read_gzip(directory / "out" / name) == read_gzip(SAMPLES / name), f"{name} is not the sample's"


@check
def cifar10_binary_by_numpy(mirage, directory):
    sink = {"cifar10": {"directory": str(directory / "out"), "format": "binary"}}
    mirage.run(directory, "write", sample(), sink, TO_CIFAR)
    files = sorted((directory / "out").rglob("data_batch_*.bin"))
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 1 + 3 * 32 * 32) for file in files])
    found = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # planes to pixels
    images, labels = fashion("train")
    same_in_order(found, records[:, 0], as_cifar(images), labels)


@check
def cifar10_python_by_torchvision(mirage, directory):
    from torchvision_cpu import torchvision

    out = directory / "out"
    mirage.run(directory, "write", sample(), {"cifar10": {"directory": str(out), "format": "python"}}, TO_CIFAR)
    batches = sorted(path.name for path in (out / "cifar-10-batches-py").glob("data_batch_*"))

    class CIFAR10(torchvision.datasets.CIFAR10):
        """Without the MD5 sums of the original's files, and with only as many as there are."""

        train_list = [[name, None] for name in batches]
        test_list = []
        meta = {**torchvision.datasets.CIFAR10.meta, "md5": None}

    found = CIFAR10(out)
    assert found.classes == CLASSES, f"classes are {found.classes}"
    images, labels = fashion("train")
    same_in_order(found.data, found.targets, as_cifar(images), labels)


# Peers write, Mirage reads


def read_by_mirage(mirage, directory: Path, source: dict) -> tuple[list[np.ndarray], list[dict]]:
    out = directory / "out"
    mirage.run(directory, "read", source, {"image-folder": {"directory": str(out), "format": "png"}})
    return read_folder(out)


@check
def idx_as_torchvision_keeps_it(mirage, directory):
    raw = directory / "MNIST" / "raw"  # torchvision unpacks its downloads there
    raw.mkdir(parents=True)
    for path in SAMPLES.glob("*.gz"):
        (raw / path.stem).write_bytes(read_gzip(path))
    for split in ("train", "test"):
        images, labels = fashion(split)
        (directory / split).mkdir()
        source = {"mnist": {"directory": str(raw), "split": split}}
        found, rows = read_by_mirage(mirage, directory / split, source)
        same_in_order(found, [row["label_index"] for row in rows], images, labels)


@check
def webdataset_from_webdataset(mirage, directory):
    import webdataset

    images, labels = (part[:300] for part in fashion("train"))
    shards = directory / "shards"
    shards.mkdir()
    for shard in range(3):
        with webdataset.TarWriter(str(shards / f"data-{shard:06}.tar")) as writer:
            for index in range(shard * 100, shard * 100 + 100):
                writer.write(
                    {"__key__": f"{index:06}", "png": Image.fromarray(images[index]), "cls": int(labels[index])}
                )
    found, rows = read_by_mirage(mirage, directory, {"webdataset": {"directory": str(shards), "channels": "keep"}})
    same_in_order(found, [row["label_index"] for row in rows], images, labels)


@check
def image_folder_as_hugging_face_has_it(mirage, directory):
    images, labels = (part[:300] for part in fashion("train"))
    names = [CLASSES[label] for label in labels]
    folder = directory / "data"
    folder.mkdir()
    with open(folder / "metadata.jsonl", "w") as metadata:
        for index, (image, name) in enumerate(zip(images, names)):
            Image.fromarray(image).save(folder / f"{index:04}.png")
            metadata.write(json.dumps({"file_name": f"{index:04}.png", "label": name}) + "\n")
    found, rows = read_by_mirage(mirage, directory, {"image-folder": {"directory": str(folder), "channels": "keep"}})
    same_in_any_order(found, [row["label"] for row in rows], images, names)


def cifar10_pickles(mirage, directory, protocol: int) -> None:
    random = np.random.default_rng(protocol)
    data = random.integers(0, 256, (5, 40, 3072), dtype=np.uint8)
    labels = random.integers(0, 10, (5, 40))
    folder = directory / "cifar-10-batches-py"
    folder.mkdir()

    def write(name: str, content: dict) -> None:
        (folder / name).write_bytes(pickle.dumps(content, protocol))

    def batch(title: str, data: np.ndarray, labels: np.ndarray) -> dict:
        names = [f"image_{index:05}.png" for index in range(len(labels))]
        return {"batch_label": title, "labels": labels.tolist(), "data": data, "filenames": names}

    for index in range(5):
        write(f"data_batch_{index + 1}", batch(f"training batch {index + 1} of 5", data[index], labels[index]))
    write("test_batch", batch("testing batch 1 of 1", data[0], labels[0]))
    names = "airplane automobile bird cat deer dog frog horse ship truck".split()
    write("batches.meta", {"num_cases_per_batch": 40, "label_names": names, "num_vis": 3072})

    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    found, rows = read_by_mirage(mirage, directory, {"cifar10": {"directory": str(folder), "split": "train"}})
    same_in_order(found, [row["label_index"] for row in rows], images, labels.ravel())
    same_in_order(found, [row["label"] for row in rows], images, [names[label] for label in labels.ravel()])


@check
def cifar10_from_pickle_protocol_2(mirage, directory):
    cifar10_pickles(mirage, directory, protocol=2)


@check
def cifar10_from_pickle_protocol_4(mirage, directory):
    cifar10_pickles(mirage, directory, protocol=4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirage", type=Path, required=True, help="the executable")
    parser.add_argument("--work", type=Path, required=True, help="a directory to work in")
    parser.add_argument("--only", default="", metavar="TEXT", help="run the checks with TEXT in their name")
    arguments = parser.parse_args()
    work = arguments.work.resolve() / "interop"
    shutil.rmtree(work, ignore_errors=True)
    # Hugging Face's libraries read these when they are imported: no network, and nothing in the home directory.
    os.environ.update(HF_HOME=str(work / "hugging-face"), HF_HUB_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")

    mirage = Mirage(arguments.mirage.resolve())
    chosen = [function for function in checks if arguments.only in function.__name__]
    failed = 0
    for function in chosen:
        directory = work / function.__name__
        directory.mkdir(parents=True)
        try:
            function(mirage, directory)
            print(f"ok {function.__name__}", flush=True)
        except Exception as error:  # of any kind: the other checks still run
            failed += 1
            print(f"FAILED {function.__name__}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not chosen else 0)


if __name__ == "__main__":
    main()
