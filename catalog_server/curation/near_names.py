"""Names that people write in two ways and mean one: a class that is nearly there already is offered instead."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from coindex.manifest import LABEL_FIELDS, CoinClass

__all__ = ["near_classes", "near_label", "near_label_warning", "spellings"]

DECIMAL = re.compile(r"(?<=\d)[.,](?=\d)")
ZEROS = re.compile(r"(?<=\d)\.0+(?!\d)|(?<=\.\d)0+(?!\d)")
WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+")
SHORTEST_PLURAL = 4
"""Letters: of shorter words the last is seldom a plural's."""


def near_label(label: CoinClass, existing: Iterable[CoinClass]) -> CoinClass | None:
    """The first of the labels that is not this one and yet reads like it, or None.

    Upper and lower case, spaces, signs and accents do not count, nor does the way to write a number (`5`, `5.0`,
    `5,00`) or the plural of a word (`Escudo`, `Escudos`). The side must be the same.
    """
    key = _label_key(label)
    return next((other for other in existing if other != label and _label_key(other) == key), None)


def near_label_warning(label: CoinClass, existing: Mapping[CoinClass, int]) -> str | None:
    """What to tell whoever makes a class of this label, where one of the `existing`, by their class ids, is nearly it;
    None where there is none, or the very label is among them."""
    other = None if label in existing else near_label(label, existing)
    if other is None:
        return None
    differs = ", ".join(
        f"{name} {getattr(other, name)!r} and not {getattr(label, name)!r}"
        for name in LABEL_FIELDS
        if getattr(other, name) != getattr(label, name)
    )
    return f"class {existing[other]} is nearly the same, {other.name}, {other.side}: it has {differs}; is it the same?"


def spellings(values: Mapping[str, int]) -> list[list[tuple[str, int]]]:
    """Values of a field that read alike, in groups of two or more, the one that is used most first; `values` says how
    often each is."""
    groups: dict[str, list[tuple[str, int]]] = {}
    for value, count in sorted(values.items(), key=lambda item: (-item[1], item[0])):
        groups.setdefault(_key(value), []).append((value, count))
    return [group for group in groups.values() if len(group) > 1]


def near_classes(labels: Mapping[CoinClass, int]) -> list[list[int]]:
    """The ids of classes that read alike, in groups of two or more, in ascending order."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for label, class_id in labels.items():
        groups.setdefault(_label_key(label), []).append(class_id)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def _label_key(label: CoinClass) -> tuple[str, ...]:
    return tuple(_key(getattr(label, name)) for name in LABEL_FIELDS)


@lru_cache(maxsize=65_536)
def _key(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    numbers = ZEROS.sub("", DECIMAL.sub(".", plain))
    words = "".join(f" {word} " if word[0].isdigit() else _singular(word) for word in WORD.findall(numbers))
    return " ".join(words.split())


def _singular(word: str) -> str:
    return word if len(word) < SHORTEST_PLURAL else word.removesuffix("s").removesuffix("e")
