"""What every file of checks needs: the list of checks, the executable, and the data they are held against."""

import gzip
import json
import subprocess
from pathlib import Path

import numpy as np

SAMPLES = Path(__file__).resolve().parents[2] / "Samples" / "fashion-mnist"
CLASSES = (SAMPLES / "classes.txt").read_text().splitlines()
FILE_SAFE = [name.replace("/", "_") for name in CLASSES]
checks = []


def check(function):
    """Adds a check: a function of (mirage, directory), `mirage` runs it, `directory` is empty and its own."""
    checks.append(function)
    return function


class Mirage:
    def __init__(self, executable: Path):
        self.executable = executable

    def run(self, directory: Path, name: str, source: dict, sink: dict, stages: list = []) -> None:
        file = directory / f"{name}.yaml"
        pipeline = {"name": "interop", "seed": 7, "source": source, "sink": sink}
        if stages:
            pipeline["stages"] = stages
        file.write_text(json.dumps(pipeline, indent=2))  # JSON is YAML
        self.command("run", file, "--quiet")

    def command(self, *arguments) -> str:
        """Runs a command and returns what it prints on standard output."""
        done = subprocess.run([self.executable, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            line = " ".join(map(str, arguments))
            raise AssertionError(f"mirage {line} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


# The reference


def fashion(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 28, 28) and labels (count) of the sample, which has IDX heads of 16 and 8 bytes."""
    prefix = {"train": "train", "test": "t10k"}[split]
    images = np.frombuffer(read_gzip(SAMPLES / f"{prefix}-images-idx3-ubyte.gz"), np.uint8, offset=16)
    labels = np.frombuffer(read_gzip(SAMPLES / f"{prefix}-labels-idx1-ubyte.gz"), np.uint8, offset=8)
    return images.reshape(-1, 28, 28), labels.astype(int)


def read_gzip(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())
