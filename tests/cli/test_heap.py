"""What is freed in large pieces is given back."""

from __future__ import annotations

import json
import subprocess
import sys

ROUNDS = """
import json, sys
import psutil
from quarterdeck.cli.heap import give_back

def rss():
    return psutil.Process().memory_info().rss

told = give_back() if sys.argv[1] == "told" else None
before = rss()
del (whole := [bytearray(b"x") * 24_000_000])[:]
pieces, pins = [], []
for _ in range(40):
    pieces.append(bytearray(b"x") * 1_000_000)
    pins.append(bytearray(b"x") * 5_000)
pieces.clear()
print(json.dumps([told, rss() - before]))
"""


def left(*words: str) -> tuple[bool | None, int]:
    """What is left of forty megabytes that were freed, while something small behind each piece is held."""
    command = [sys.executable, "-c", ROUNDS, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    told, bytes_ = json.loads(done.stdout)
    return told, bytes_


def test_what_is_freed_in_large_pieces_is_given_back() -> None:
    """Left to itself the C library keeps most of it; once it is told, hardly anything is left."""
    assert left("left alone")[1] > 20_000_000
    told, bytes_ = left("told")
    assert told is True
    assert bytes_ < 5_000_000
