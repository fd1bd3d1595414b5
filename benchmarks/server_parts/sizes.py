"""How much is measured, by whom, and from which seed."""

from dataclasses import dataclass

SEED = 70
ACTOR = "benchmark"


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rows: int
    seconds: float
    rounds: int
    phones: int
    cold_phones: int
    server_kills: int
    photos_drawn: int
    photo_variants: int
    publish_rows: tuple[int, ...]
    kills: int


FULL = Sizes(10_000, 5.0, 3, 2_000, 100, 3, 16, 16, (1_000, 10_000, 100_000), 200)
QUICK = Sizes(1_000, 1.0, 1, 20, 4, 1, 2, 8, (500,), 5)
