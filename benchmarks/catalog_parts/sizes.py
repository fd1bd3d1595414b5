"""How much is drawn and asked, and what is chosen alike for all contenders."""

from dataclasses import dataclass

SCALE = 254.0
SEED = 50
EF_CONSTRUCTION = 200
"""Breadth of building; that of every graph."""


ASKED, RANKED = 5, 10
"""Answers of a timed query, which is what recognition asks for, and of one that is ranked."""

NOTHING = -1
"""Stands for an answer that a contender did not give."""


@dataclass(frozen=True)
class Sizes:
    """How much is drawn and asked: `queries` choose the breadth, and as many others are measured; `maps` are relief
    maps."""

    rows: int
    queries: int
    maps: int


FULL, QUICK = Sizes(100_000, 2_000, 1_024), Sizes(4_000, 200, 64)
