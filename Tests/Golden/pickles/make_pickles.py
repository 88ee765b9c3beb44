#!/usr/bin/env python3
"""Writes pickles as Python and numpy make them, for the tests of the restricted unpickler.

    .venv/bin/python Tests/Golden/pickles/make_pickles.py

batch-N.pickle is a CIFAR-10 batch of two images in protocol N, values-N.pickle one of every value that is accepted.
"""

import pickle
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent

values = {
    "none": None,
    "flags": [True, False],
    "integers": [0, 1, 255, 256, 65535, 65536, -1, -(2**31), 2**31, -(2**63), 2**63 - 1],
    "floats": [0.0, -1.5, 1e300],
    "text": ["", "plain", "Grüße", "x" * 300],
    "bytes": [b"", b"\x00\xff", b"y" * 300],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "nested": {"a": {"b": [1, (2, {"c": 3})]}},
    "u1": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "f4": np.array([[0.5, -2.0]], dtype=np.float32),
    "big-endian": np.array([1, 2], dtype=">i4"),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
    "empty": np.zeros((0, 4), dtype=np.uint8),
}
shared = [1, 2]
values["shared"] = [shared, shared]

for protocol in range(6):
    (HERE / f"values-{protocol}.pickle").write_bytes(pickle.dumps(values, protocol=protocol))

batch = {
    "batch_label": "training batch 1 of 5",
    "labels": [3, 9],
    "data": (np.arange(2 * 3072, dtype=np.uint32) % 251).astype(np.uint8).reshape(2, 3072),
    "filenames": ["a.png", "b.png"],
}
for protocol in (2, 4, 5):
    (HERE / f"batch-{protocol}.pickle").write_bytes(pickle.dumps(batch, protocol=protocol))
