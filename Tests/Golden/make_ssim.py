#!/usr/bin/env python3
"""Prints the structural similarities that PairedScoreTests expects, from Mirage's random numbers.

    .venv/bin/python Tests/Golden/make_ssim.py
"""

import numpy as np

from make_adversarial import Random


def ssim(x, y):
    """Wang et al. 2004: Gaussian windows of 11 x 11 inside the image, deviation 1.5, for numbers of range 2."""
    offsets = np.arange(11) - 5
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(weights, weights) / weights.sum() ** 2

    def mean(plane):
        views = np.lib.stride_tricks.sliding_window_view(plane, (11, 11))
        return (views * window).sum((-1, -2))

    one, two = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    scores = []
    for c in range(x.shape[2]):
        a, b = x[..., c], y[..., c]
        ma, mb = mean(a), mean(b)
        va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
        scores.append(((2 * ma * mb + one) * (2 * cov + two) / ((ma**2 + mb**2 + one) * (va + vb + two))).mean())
    return float(np.mean(scores))


for seed in 0, 1:
    random = Random("ssim", seed=seed, sample=0)
    shape = (24, 20, 3)
    x = random.uniform(shape, -1, 1).numpy()
    y = x * 0.5 + random.uniform(shape, -0.5, 0.5).numpy()
    print(seed, round(ssim(x, y), 7))
