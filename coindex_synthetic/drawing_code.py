"""The code that pictures follow from, by its hash: what was drawn by other code is drawn again."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

__all__ = ["drawing_files", "drawing_sha256"]

PACKAGE = Path(__file__).resolve().parent
APART = PACKAGE / "demo"
"""Shows pictures, and draws none of its own but by what it gives as `further`."""


def drawing_files() -> tuple[Path, ...]:
    """Every module of this package that has a hand in a picture, sub-folders included, by path."""
    return tuple(path for path in sorted(PACKAGE.rglob("*.py")) if APART not in path.parents)


def drawing_sha256(further: Sequence[Path] = ()) -> str:
    """SHA-256 (hex) over the names and contents of `drawing_files` and of `further` modules, in that order."""
    code = sha256()
    for path in (*drawing_files(), *further):
        code.update(f"{path.name}\0{sha256(path.read_bytes()).hexdigest()}".encode())
    return code.hexdigest()
