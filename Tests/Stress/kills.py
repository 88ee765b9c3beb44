#!/usr/bin/env python3
"""Kills runs with SIGKILL at random moments, resumes them, and compares the output with that of a run left alone.

  Tests/Stress/kills.py --mirage .build/release/mirage --kills 100

For every sink there are at least so many kills, most at any moment of a run, some while the finished data moves to its
place. A run that ends by itself must have written the same bytes as the one left alone, report included; then another
output is begun. The exit code is 1 if any differed.
"""

import argparse
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

GRAY = "[{copies: 2}, {rotate: [-15, 15]}, {random-crop: {size: 28, padding: 2}}]"
COLOR = "[{resize: 32}, {grayscale: 3}, {rotate: [-15, 15]}]"

# Each sink's settings, and the stages that make what it can hold.
SINKS = {
    "image-folder": ("image-folder: {directory: D, compression: 1}", GRAY),
    "image-folder-jpeg": ("image-folder: {directory: D, format: jpg}", GRAY),
    "webdataset": ("webdataset: {directory: D, samples-per-shard: 130}", GRAY),
    "webdataset-even": ("webdataset: {directory: D, samples-per-shard: 100}", GRAY),
    "idx": ("idx: {directory: D, split: train}", GRAY),
    "idx-gzip": ("idx: {directory: D, split: test, gzip: true}", GRAY),
    "cifar10-binary": ("cifar10: {directory: D}", COLOR),
    "cifar10-python": ("cifar10: {directory: D, format: python}", COLOR),
    "cifar10-archive": ("cifar10: {directory: D, format: python, archive: true}", COLOR),
    "cifar10-binary-archive": ("cifar10: {directory: D, split: test, archive: true}", COLOR),
}


def digest(directory):
    """Every file below the directory with the SHA-256 of its bytes."""
    files = {}
    for path in sorted(pathlib.Path(directory).rglob("*")):
        if path.is_file():
            files[str(path.relative_to(directory))] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            files[str(path.relative_to(directory))] = "directory"
    return files


class Output:
    """One output directory and the command that fills it."""

    def __init__(self, mirage, pipeline, directory):
        self.command = [mirage, "run", str(pipeline), "--output", str(directory), "--resume", "--quiet"]
        self.directory = pathlib.Path(directory)
        self.journal = pathlib.Path(f"{directory}.partial/journal.json")

    def start(self, interval, workers):
        more = ["--checkpoint-interval", str(interval), "--workers", str(workers)]
        return subprocess.Popen(self.command + more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def is_finishing(self):
        try:
            return '"finished": true' in self.journal.read_text()
        except OSError:
            return self.directory.exists()

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(f"{self.directory}.partial", ignore_errors=True)


def kill_one(output, rng, seconds):
    """Starts the run and kills it. Returns whether it was killed, and its exit code and message if not."""
    process = output.start(rng.choice([0, 0, 0.01, 0.05]), rng.choice([1, 2, 8]))
    if rng.random() < 0.3:
        end = time.monotonic() + 20 * seconds + 5
        while process.poll() is None and not output.is_finishing() and time.monotonic() < end:
            time.sleep(0.0002)
        time.sleep(rng.random() * 0.004)
    else:
        time.sleep(rng.random() * seconds)
    process.kill()
    text = process.communicate()[0].decode()
    return process.returncode == -9, process.returncode, text


def stress(name, mirage, kills, rng, folder):
    sink, stages = SINKS[name]
    pipeline = folder / f"{name}.yaml"
    samples = REPOSITORY / "Samples" / "fashion-mnist"
    pipeline.write_text(
        f"seed: 5\nsource: {{mnist: {{directory: {samples}, split: test}}}}\nstages: {stages}\n"
        f"sink: {{{sink.replace('directory: D', 'directory: out')}}}\n")
    alone = Output(mirage, pipeline, folder / f"{name}-alone")
    begin = time.monotonic()
    subprocess.run(alone.command, check=True)
    seconds = time.monotonic() - begin
    expected = digest(alone.directory)
    begin = time.monotonic()
    killed = finished = late = 0
    differences = []
    output = Output(mirage, pipeline, folder / f"{name}-killed")
    output.remove()
    while killed < kills or finished == 0:
        # With a checkpoint behind every chunk a run is slower; past the kills wanted, let it come to its end.
        was_killed, code, text = kill_one(output, rng, (1.5 if killed < kills else 20) * seconds + 0.02)
        if was_killed:
            killed += 1
            late += output.is_finishing()
            if not (output.directory.exists() and not output.journal.exists()):
                continue
            # Killed behind the end of its work: resuming has nothing to do and must say so.
            code = subprocess.run(output.command, stdout=subprocess.DEVNULL).returncode
        finished += 1
        if code != 0:
            differences.append(f"exit code {code}: {text}")
        found = digest(output.directory) if output.directory.exists() else {}
        for path in sorted(set(found) | set(expected)):
            if found.get(path) != expected.get(path):
                differences.append(f"{path}: {found.get(path)} instead of {expected.get(path)}")
        if pathlib.Path(f"{output.directory}.partial").exists():
            differences.append("the partial directory is still there")
        if differences:
            break
        output.remove()
    verdict = "equal" if not differences else "DIFFERENT"
    print(f"{name:24} {killed:5} kills ({late:3} while moving)  {finished:4} outputs compared  "
          f"{time.monotonic() - begin:6.1f} s  {verdict}", flush=True)
    for line in differences[:10]:
        print(f"    {line}")
    return not differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirage", default=str(REPOSITORY / ".build/release/mirage"), help="the executable")
    parser.add_argument("--kills", type=int, default=100, help="at least so many for every sink")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random moments")
    parser.add_argument("--only", nargs="*", choices=SINKS, default=list(SINKS), help="these sinks")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mirage-kills-"))
    try:
        results = [stress(name, os.path.abspath(options.mirage), options.kills, rng, folder) for name in options.only]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("all equal" if all(results) else "there are differences")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
