"""Memory that is freed stays with the process, to be used again in the next step."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGE = 1 << 30
_LARGEST_OF_OLD = 32 << 20
"""What older versions of glibc take at most."""


@cache
def keep_freed_memory() -> bool:
    """Ask glibc not to give large blocks back to the system when they are freed.

    By default it does, and every step pays for the system's zeroing all of its memory anew. It holds for the whole
    process from then on: memory that was once needed at the peak stays reserved. Elsewhere than on glibc nothing is
    done.

    Returns:
        Whether it was done.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    kept = any(mallopt(_MMAP_THRESHOLD, size) == 1 for size in (_LARGE, _LARGEST_OF_OLD))
    return kept and mallopt(_TRIM_THRESHOLD, 2 * _LARGE - 1) == 1
