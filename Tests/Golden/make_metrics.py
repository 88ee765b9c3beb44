#!/usr/bin/env python3
"""Writes what other implementations make of sets of features: distances, scores, neighborhoods, memorization.

    .venv/bin/pip install -r Tests/Golden/requirements.txt
    .venv/bin/python Tests/Golden/make_metrics.py

metrics.json has one list of cases for each metric, metrics.safetensors the features; README.md says what the fields
mean. The expected values are SciPy's, scikit-learn's and prdc's, in Float64 from features that are exact in Float32.
"""

import contextlib
import io
import json
import warnings
import zlib
from pathlib import Path

import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats
from prdc import compute_prdc
from safetensors.numpy import save
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

HERE = Path(__file__).resolve().parent
sections, arrays = {}, {}


def add(section: str, name: str, **fields) -> None:
    sections.setdefault(section, []).append({"name": name, **fields})


def draw(name: str):
    return np.random.default_rng(zlib.crc32(name.encode()))


def put(name: str, values) -> str:
    assert name not in arrays and np.isfinite(values).all(), name
    arrays[name] = np.array(values, np.float32, order="C")
    return name


def exact(name: str) -> np.ndarray:
    return arrays[name].astype(np.float64)


# Sets of features, by name. Like those of a network behind a rectifier: mixed, some hardly ever above 0.


def mixed(name: str, count: int, dimensions: int, shift: float = 0.0, scale: float = 1.0) -> str:
    random = draw(name)
    mixing = draw(f"mixing {dimensions}").normal(0, dimensions**-0.5, (dimensions, dimensions))
    values = random.normal(0, scale, (count, dimensions)) @ mixing * np.geomspace(2, 0.1, dimensions)
    return put(name, np.maximum(values + shift + 0.3, 0))


def sets():
    mixed("a", 300, 16)
    mixed("b", 300, 16, shift=0.1, scale=1.2)
    mixed("c", 170, 16, shift=-0.2, scale=0.8)
    mixed("few-a", 20, 40)
    mixed("few-b", 26, 40, shift=0.2)
    mixed("many-a", 700, 3)
    mixed("many-b", 1100, 3, shift=0.1)
    mixed("many-c", 700, 3, shift=0.1)
    put("far-a", draw("far-a").normal(1000, 1e-1, (120, 8)))
    put("far-b", draw("far-b").normal(1000.1, 2e-1, (140, 8)))
    put("duplicates-a", np.concatenate([arrays["a"][:60], np.repeat(arrays["a"][60:61], 9, 0)]))
    put("duplicates-b", np.concatenate([arrays["c"][:50], np.repeat(arrays["a"][60:61], 4, 0)]))


PAIRS = [
    ("same-count", "a", "b"), ("different-counts", "a", "c"), ("fewer-than-dimensions", "few-a", "few-b"),
    ("identical", "a", "a"), ("identical-few", "few-a", "few-a"), ("far-from-zero", "far-a", "far-b"),
    ("many", "many-a", "many-b"), ("duplicates", "duplicates-a", "duplicates-b"),
    ("identical-duplicates", "duplicates-a", "duplicates-a"),
]  # fmt: skip


def frechet(name, first, second):
    x, y = exact(first), exact(second)
    means = ((x.mean(0) - y.mean(0)) ** 2).sum()
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    # tr (S T)^1/2 is also the sum of the singular values of the product of the centerd sets, which has no square root.
    x, y = (x - x.mean(0)) / np.sqrt(len(x) - 1), (y - y.mean(0)) / np.sqrt(len(y) - 1)
    value = means + np.trace(s) + np.trace(t) - 2 * np.linalg.svd(x @ y.T, compute_uv=False).sum()
    # The reference implementations take a root that is not accurate where the product is singular.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        usual = means + np.trace(s) + np.trace(t) - 2 * np.trace(scipy.linalg.sqrtm(s @ t)).real
    eigenvalues = np.linalg.eigvals(s @ t).astype(complex)
    fidelity = means + np.trace(s) + np.trace(t) - 2 * np.sqrt(eigenvalues).real.sum()
    scale = np.trace(s) + np.trace(t)
    print(f"frechet {name}: {value:.9f}, off by {usual - value:.1e} and {fidelity - value:.1e}")
    assert abs(usual - value) < 1e-6 * scale and abs(fidelity - value) < 1e-6 * scale, name
    add("frechet", name, first=first, second=second, expected=max(0.0, value), scale=scale)


def kernel(name, first, second):
    """All samples, where the sets have as many: the only subset there is."""
    x, y = exact(first), exact(second)
    assert len(x) == len(y)
    n = len(x)
    xx, yy, xy = (polynomial_kernel(a, b, degree=3, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (n * (n - 1))
    scale = xy.mean()
    add("kernel", name, first=first, second=second, expected=within - 2 * xy.mean(), scale=scale)


def inception(name, logits, splits=10):
    probabilities = scipy.special.softmax(logits, 1).astype(np.float32)
    key = put(f"probabilities-{name}", probabilities)
    p, scores = exact(key), []
    for part in range(min(splits, len(p))):
        rows = p[part * len(p) // splits : (part + 1) * len(p) // splits] if len(p) >= splits else p[part : part + 1]
        # entropy() scales both to sum 1, which Float32 probabilities do but for rounding.
        scores.append(np.exp(np.mean([scipy.stats.entropy(row, rows.mean(0)) for row in rows])))
    add("inception", name, probabilities=key, splits=splits, mean=np.mean(scores), deviation=np.std(scores))


def distances(x, y):
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))


def neighborhoods(name, real, generated, k=3, density_k=5):
    x, y = exact(real), exact(generated)
    across = distances(x, y)

    def radii(points, k):
        return np.sort(distances(points, points), 1)[:, k]  # the first is the point itself

    real_k, generated_k = radii(x, k)[:, None], radii(y, k)[None]
    values = {
        "precision": (across <= real_k).any(0).mean(),
        "recall": (across <= generated_k).any(1).mean(),
        "density": (across < radii(x, density_k)[:, None]).sum() / density_k / len(y),
        "coverage": (across.min(1) < radii(x, density_k)).mean(),
    }
    if "duplicates" not in name:  # prdc leaves the border out of all four, and there rounding decides what is on it
        with contextlib.redirect_stdout(io.StringIO()):
            three, five = compute_prdc(x, y, k), compute_prdc(x, y, density_k)
        peer = {key: (three if key in ("precision", "recall") else five)[key] for key in values}
        assert all(abs(peer[key] - values[key]) < 1e-12 for key in values), (name, peer, values)
    fields = {"neighbors": k, "density-neighbors": density_k}
    add("neighborhoods", name, real=real, generated=generated, **fields, **values)


def memorization(name, generated, training, held_out):
    """Sets of one size, of which no random part is taken."""
    g, t, h = exact(generated), exact(training), exact(held_out)
    assert len(t) == len(h)
    near, far = (NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(s).kneighbors(g)[0][:, 0] for s in (t, h))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(near == far, 1, near / far)
    share = ((near < far) + 0.5 * (near == far)).mean()
    sets = {"generated": generated, "training": training, "held-out": held_out}
    add("memorization", name, **sets, mean=ratios.mean(), median=np.median(ratios), share=share)


def main():
    sets()
    for name, first, second in PAIRS:
        frechet(name, first, second)
        neighborhoods(name, first, second)
        if len(arrays[first]) == len(arrays[second]):
            kernel(name, first, second)
    neighborhoods("other-neighbors", "a", "c", 1, 8)

    random = draw("logits")
    inception("sure", random.normal(0, 3, (333, 10)))
    inception("unsure", random.normal(0, 0.3, (50, 4)), splits=4)
    inception("fewer-than-splits", random.normal(0, 1, (6, 5)))
    inception("zeros", np.where(np.eye(7)[random.integers(0, 7, 70)] == 1, 0, -200.0))

    put("generated", arrays["c"][:101])
    put("training", arrays["b"][:150])
    put("held-out", arrays["b"][150:])
    put("copies", np.concatenate([arrays["training"][:40], arrays["c"][101:140]]))
    memorization("none", "generated", "training", "held-out")
    memorization("copies", "copies", "training", "held-out")
    memorization("many", "many-b", "many-a", "many-c")
    memorization("same", "generated", "training", "training")

    lists = (f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for name, rows in sections.items())
    (HERE / "metrics.json").write_text("{\n" + ",\n".join(lists) + "\n}\n")
    (HERE / "metrics.safetensors").write_bytes(save(arrays))


if __name__ == "__main__":
    main()
