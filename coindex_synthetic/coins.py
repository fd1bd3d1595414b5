"""Coin types drawn from a seed: names, metal, shape, and what is struck on both sides."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from coindex_synthetic.designs import Blank, Design, blank_mask
from coindex_synthetic.layouts import obverse, reverse
from coindex_synthetic.lettering import Typeface
from coindex_synthetic.names import country_name, word
from coindex_synthetic.relief import Bytes

Metal = Literal["copper", "bronze", "brass", "nordic gold", "nickel", "silver", "gold", "steel", "zinc", "aluminium"]
Side = Literal["obverse", "reverse"]

METALS: tuple[Metal, ...] = get_args(Metal)
_METAL_SHARES = (0.12, 0.13, 0.1, 0.12, 0.19, 0.14, 0.05, 0.07, 0.04, 0.04)  # as often as each is drawn

TYPES_PER_COUNTRY = 6
_DENOMINATIONS = ("1", "2", "5", "10", "20", "25", "50", "100", "200", "500")
_NUMERALS = {
    "1": "ONE",
    "2": "TWO",
    "5": "FIVE",
    "10": "TEN",
    "20": "TWENTY",
    "25": "TWENTY-FIVE",
    "50": "FIFTY",
}


@dataclass(frozen=True)
class CoinType:
    """One type of coin: what a catalogue lists once, whatever its years.

    `metals` is the metal, or the ring's and the core's of a bimetal coin; `diameter` is in millimetres.
    """

    seed: int
    country: str
    currency: str
    denomination: str
    variant: str
    metals: tuple[Metal, ...]
    obverse: Design
    reverse: Design
    diameter: float

    @property
    def blank(self) -> Blank:
        """The disc that both sides are struck on."""
        return self.obverse.blank

    @property
    def bimetal(self) -> bool:
        """Whether ring and core are of two metals."""
        return len(self.metals) == 2

    def design(self, side: Side) -> Design:
        """Return what is struck on `side`."""
        return self.obverse if side == "obverse" else self.reverse


def coin_type(seed: int, *, step: int = 0) -> CoinType:
    """Draw the coin type of a seed; the same seed gives the same type, another seed another one.

    Seeds run through invented countries, `TYPES_PER_COUNTRY` denominations each.

    Args:
        seed: At least 0.
        step: Counts on from the seed's own denomination: the same designs with another number on them, as the coins of
            a series bear.

    Raises:
        ValueError: If the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"a coin type's seed must be 0 or more, got {seed}")
    issuer = np.random.default_rng([seed // TYPES_PER_COUNTRY, 1])
    country, currency = country_name(issuer), word(issuer, 2).upper()
    values = issuer.permutation(len(_DENOMINATIONS))
    denomination = _another(_DENOMINATIONS[int(values[seed % TYPES_PER_COUNTRY])], step)
    rng = np.random.default_rng([seed, 2])
    variant = "commemorative" if rng.random() < 0.12 else ""
    blank = _blank(rng)
    metals: tuple[Metal, ...] = (METALS[int(rng.choice(len(METALS), p=_METAL_SHARES))],)
    if blank.core > 0:
        pair: tuple[Metal, Metal] = ("nordic gold", "nickel") if rng.random() < 0.5 else ("nickel", "brass")
        metals = ("silver", "bronze") if rng.random() < 0.15 else pair
    face, numerals = _typeface(rng), _typeface(rng, bold=True)
    front = obverse(rng, blank, face, country)
    value = denomination if denomination not in _NUMERALS or rng.random() < 0.6 else _NUMERALS[denomination]
    back = reverse(rng, blank, face, numerals, denomination, value, currency, country)
    diameter = float(np.round(rng.uniform(16, 33), 1))
    return CoinType(
        seed,
        country.title().replace(" Of ", " of "),
        currency.title(),
        denomination,
        variant,
        metals,
        front,
        back,
        diameter,
    )


def coin_mask(coin: CoinType, *, size: int) -> Bytes:
    """Return the pixels that the coin covers: 255, or 0 outside and in its hole; uint8 (size, size)."""
    return np.where(blank_mask(coin.blank, size=size) > 127, 255, 0).astype(np.uint8)


def _another(denomination: str, steps: int) -> str:
    """The denomination `steps` further, among those that are written as it is: the draws that follow stay the same."""
    alike = [other for other in _DENOMINATIONS if (other in _NUMERALS) == (denomination in _NUMERALS)]
    return alike[(alike.index(denomination) + steps) % len(alike)]


def _blank(rng: np.random.Generator) -> Blank:
    draw = rng.random()
    if draw < 0.72:
        if rng.random() < 0.17:
            return Blank(core=float(rng.uniform(0.62, 0.71)))
        return Blank(hole=float(rng.uniform(0.13, 0.22)) if rng.random() < 0.08 else 0.0)
    if draw < 0.86:
        sides = int(rng.choice([7, 8, 11, 12, 7, 12, 6]))
        return Blank("polygon", sides, bulge=0.45 if sides == 7 else float(rng.uniform(0.05, 0.3)))
    if draw < 0.95:
        return Blank("scalloped", int(rng.choice([8, 10, 12])))
    return Blank("square")


def _typeface(rng: np.random.Generator, *, bold: bool = False) -> Typeface:
    if rng.random() < 0.15:
        return Typeface(
            "printed",
            pen=float(rng.uniform(0.14, 0.28)),
            breadth=float(rng.uniform(0.75, 1.05)),
            tracking=0.1,
        )
    serif = float(rng.choice([0.0, 0.0, 0.09, 0.14]))
    pen = float(rng.uniform(0.15, 0.22)) + (0.06 if bold else 0.0)
    return Typeface(
        pen=pen,
        contrast=float(rng.uniform(0.3, 0.6)) if serif else float(rng.uniform(0.0, 0.3)),
        serif=serif,
        breadth=float(rng.uniform(0.72, 1.1)),
        slant=float(rng.choice([0.0, 0.0, 0.0, 0.0, 0.2])),
        tracking=float(rng.uniform(0.14, 0.32)) * (0.6 if bold else 1.0) + 0.7 * serif,
    )
