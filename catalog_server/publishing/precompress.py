"""Smaller copies of release files beside them, for browsers and for web servers that send them ready-made."""

import gzip
from collections.abc import Iterable
from pathlib import Path

from coindex.disk import write_whole

__all__ = ["COMPRESSED", "precompress"]

COMPRESSED = ".gz"
"""What the name of a smaller copy ends with."""

LEAST = 1024
"""A smaller file fits into the packet that brings its headers."""

WORTH = 0.9
"""The most that a copy may have of the original's bytes."""

BEST = 9


def precompress(files: Iterable[Path]) -> list[Path]:
    """Write `<file>.gz` beside each JSON file that gets smaller by it, where there is none, and return what was
    written. Other kinds are compressed as they are. The same file gives the same bytes."""
    written = []
    for path in files:
        beside = path.with_name(path.name + COMPRESSED)
        if path.suffix != ".json" or beside.exists() or path.stat().st_size < LEAST:
            continue
        data = path.read_bytes()
        smaller = gzip.compress(data, BEST, mtime=0)
        if len(smaller) <= WORTH * len(data):
            write_whole(beside, smaller)
            written.append(beside)
    return written
