"""Measures the steady rate of a DataLoader: what every streaming peer here reports, and how."""

import json
import time

from torch.utils.data import DataLoader, Dataset


def report(peer: str, dataset: Dataset, batch: int) -> None:
    """Goes once through `dataset` with two workers and prints its rate.

    The clock starts when the first batch is here, so that starting the workers and filling their queues do not count.
    """
    loader = iter(DataLoader(dataset, batch_size=batch, shuffle=True, num_workers=2))
    first = len(next(loader)[0])
    start = time.perf_counter()
    images = sum(len(batch) for batch, _ in loader)
    seconds = time.perf_counter() - start
    assert first + images == len(dataset)
    print(json.dumps({"peer": peer, "rate": round(images / seconds, 1), "unit": "images/s"}))
