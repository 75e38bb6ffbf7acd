"""How the C library keeps memory: what is freed in large pieces is given back at once, and threads share what is kept.

Tables of a large fleet are made anew with every snapshot, by one thread, and freed by another. Left to itself the C
library of GNU keeps such pieces for the thread that asked for them, in case it asks again, and the program only grows.
"""

from __future__ import annotations

from typing import Final

MMAP_THRESHOLD, ARENA_MAX = -3, -8
"""Names of the two settings, as ``malloc.h`` numbers them."""
LARGE: Final = 256 * 1024
SHARED: Final = 2


def give_back() -> bool:
    """Have large pieces given back; return whether this C library can be told."""
    import ctypes

    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    return tell is not None and bool(tell(MMAP_THRESHOLD, LARGE)) and bool(tell(ARENA_MAX, SHARED))
