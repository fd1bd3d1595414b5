"""Invented words: countries, currencies, rulers and mottoes that no real coin bears."""

import numpy as np

_ONSETS = (
    "b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "j", "k", "kr", "l", "m", "n", "p", "q", "r", "s",
    "sk", "st", "t", "th", "tr", "v", "vl", "w", "y", "z",
)  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "a", "e", "o", "ae", "ia", "ou", "ei")
_CODAS = ("", "", "", "l", "n", "r", "s", "m", "nd", "rk", "lt", "th", "x")
_ENDINGS = ("ia", "ania", "land", "or", "eth", "ova", "mar", "istan", "esse", "una", "ora", "is")


def word(rng: np.random.Generator, syllables: int) -> str:
    """Return an invented word, in small letters."""
    return "".join(
        str(rng.choice(_ONSETS)) + str(rng.choice(_VOWELS)) + (str(rng.choice(_CODAS)) if part == syllables - 1 else "")
        for part in range(syllables)
    )


def country_name(rng: np.random.Generator) -> str:
    """Return an invented country's name as its coins write it, in capitals."""
    name = (word(rng, 2) + str(rng.choice(_ENDINGS))).upper()
    form = rng.random()
    if form < 0.25:
        return f"REPUBLIC OF {name}"
    if form < 0.35:
        return f"KINGDOM OF {name}"
    return name


def motto(rng: np.random.Generator) -> str:
    """Return two or three invented words in capitals."""
    return " ".join(word(rng, int(rng.integers(1, 3))).upper() for _ in range(int(rng.integers(2, 4))))
