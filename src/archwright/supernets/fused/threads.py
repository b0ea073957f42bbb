"""Threads for the kernels: as many as torch uses, each with its own images."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["share_images", "threads_for"]

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def threads_for(images: int) -> int:
    """Threads that a batch is shared by."""
    return max(1, min(torch.get_num_threads(), images))


def share_images(images: int, work: Callable[[int, int, int], None]) -> None:
    """Run work(first image, image after the last, number of the thread) over a batch.

    The kernels let go of the interpreter's lock, so that plain threads suffice.

    Args:
        images: Number of images.
        work: Called once a thread.
    """
    threads = threads_for(images)
    if threads == 1:
        work(0, images, 0)
        return
    pool = _pools.setdefault(
        (os.getpid(), threads), ThreadPoolExecutor(threads)
    )  # threads do not survive a fork
    bounds = [images * i // threads for i in range(threads + 1)]
    pending = [pool.submit(work, bounds[i], bounds[i + 1], i) for i in range(threads)]
    for each in pending:
        each.result()
