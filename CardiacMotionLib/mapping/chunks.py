"""Many pixels, some at a time: a chunk fits the processor's cache, and each thread works on one of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from .pixels import FittedPixels, joined

CPU_CHUNK, GPU_CHUNK = 2**13, 2**17  # pixels: what the processor's cache holds, what fills a GPU


def in_chunks(
    fit: Callable[[Tensor], FittedPixels], images: Tensor, like: Tensor, report: Callable[[float], None]
) -> FittedPixels:
    """Fit images (N, P) in the precision and on the device of ``like``; the result is on the processor.

    On the processor as many chunks are fitted at the same time as torch has threads, each by one thread: threads that
    share every small step wait for each other, the longer the more else the machine does. ``report`` is told the share
    that is done; what it raises ends the run.
    """
    count, threads = images.shape[1], torch.get_num_threads()
    on_processor = like.device.type == "cpu"
    size = min(CPU_CHUNK, -(-count // threads)) if on_processor else GPU_CHUNK
    starts = range(0, count, size)

    def fit_one(start: int) -> FittedPixels:
        return fit(images[:, start : start + size].to(like))

    report(0.0)
    alone = torch.set_num_threads if on_processor else lambda _: None
    workers = ThreadPoolExecutor(min(threads, len(starts)) if on_processor else 1, initializer=alone, initargs=(1,))
    parts = []
    try:
        for part in workers.map(fit_one, starts):
            parts.append(part)
            report(len(parts) / len(starts))
    finally:
        workers.shutdown(cancel_futures=True)
        alone(threads)  # threads that begin later ask for what was set last
    return joined(parts)
