"""What a training records is read by TensorBoard, and is what stands in its history."""

import io
import json
import math
from pathlib import Path

import numpy as np
from common import SAMPLES, check
from PIL import Image


def check_events(folder: Path, expected_tags: dict[str, list[str]]) -> None:
    """Reads a training's folder as TensorBoard does: all of its event files, as one curve a tag.

    `expected_tags` has the names under `scalars`, `images` and `histograms`. A training that was interrupted and went on
    has several files; no step may then be there twice or be missing.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    kinds = ("scalars", "images", "histograms")
    events = EventAccumulator(str(folder), size_guidance={kind: 0 for kind in kinds})  # 0 keeps them all
    events.Reload()
    for kind in kinds:
        found, expected = set(events.Tags()[kind]), set(expected_tags.get(kind, []))
        assert found == expected, f"{kind} are {sorted(found)}, expected {sorted(expected)}"

    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for tag in expected_tags.get("scalars", []):
        same_curve(tag, events.Scalars(tag), [record for record in records if record["name"] == tag])
    for tag in expected_tags.get("images", []):
        same_pictures(tag, events.Images(tag), [record for record in records if record["name"] == tag], folder)
    for tag in expected_tags.get("histograms", []):
        sound_histograms(tag, events.Histograms(tag))


def same_steps(tag: str, events: list, records: list[dict]) -> None:
    steps, expected = [event.step for event in events], [record["step"] for record in records]
    assert steps, f"{tag} has no events"
    assert steps == expected, f"{tag} has the steps {steps}, its history {expected}"


def same_curve(tag: str, events: list, records: list[dict]) -> None:
    same_steps(tag, events, records)
    for event, record in zip(events, records):
        if record["value"] is None:
            assert not math.isfinite(event.value), f"{tag} at step {event.step} is {event.value}, expected no number"
        else:
            expected = np.float32(record["value"])
            assert event.value == expected, f"{tag} at step {event.step} is {event.value}, expected {expected}"
    times = [event.wall_time for event in events]
    assert times == sorted(times), f"the times of {tag} go backwards"


def same_pictures(tag: str, events: list, records: list[dict], folder: Path) -> None:
    same_steps(tag, events, records)
    for event, record in zip(events, records):
        picture, file = Image.open(io.BytesIO(event.encoded_image_string)), Image.open(folder / record["file"])
        sizes = {picture.size, file.size, (event.width, event.height), (record["width"], record["height"])}
        assert len(sizes) == 1, f"{tag} at step {event.step} has the sizes {sizes}"
        assert (np.asarray(picture) == np.asarray(file)).all(), f"{tag} at step {event.step} is not {record['file']}"


def sound_histograms(tag: str, events: list) -> None:
    steps = [event.step for event in events]
    assert steps == sorted(set(steps)), f"{tag} has the steps {steps}"
    for event in events:
        value, place = event.histogram_value, f"{tag} at step {event.step}"
        assert value.num > 0 and sum(value.bucket) == value.num, f"{place} counts {sum(value.bucket)} of {value.num}"
        assert len(value.bucket) == len(value.bucket_limit), f"{place} has not one limit a bucket"
        assert value.bucket_limit == sorted(value.bucket_limit), f"the limits of {place} do not ascend"
        assert value.bucket_limit[-1] == value.max, f"the last limit of {place} is not its maximum"
        mean = value.sum / value.num
        assert value.min <= mean <= value.max, f"the mean of {place} is {mean}"
        assert value.sum_squares / value.num >= mean**2 * (1 - 1e-9), f"the squares of {place} are too few"


@check
def tensorboard_reads_a_training(mirage, directory):
    gan = {
        "checkpoint": str(directory / "gan.safetensors"),
        "train": {"steps": 60, "batch": 16},
        "watch": {"grid-every": 30, "evaluate-every": 30, "evaluate-count": 100},
    }
    source, sink = {"mnist": {"directory": str(SAMPLES)}}, {"image-folder": {"directory": str(directory / "images")}}
    stages = [{"subset": 20}, {"conditional-gan": gan}]
    mirage.run(directory, "train", source, sink, stages)
    networks, pairs = ("generator", "discriminator"), ("gradient-norm", "learning-rate", "loss")
    scalars = [f"{kind}/{network}" for kind in pairs for network in networks]
    scalars += ["logits/real", "logits/fake", "metric/fid", "metric/label-agreement", "speed/samples-per-second"]
    tags = {"scalars": scalars, "images": ["grids"], "histograms": [f"weights/{network}" for network in networks]}
    check_events(directory / "gan-training", tags)
