"""What a catalogue tells of a coin beside its label: years, metal, weight, catalogue numbers and the like."""

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from coindex.finite import is_finite
from coindex.text import MAX_TEXT, clean

__all__ = [
    "FACTS",
    "LINKS",
    "MAX_LINKS",
    "NUMBERS",
    "TEXTS",
    "Fact",
    "Facts",
    "checked_facts",
    "clean_fact",
    "clean_facts",
    "facts_document",
    "written_fact",
    "written_facts",
]

Fact = str | float | tuple[str, ...]
"""Text, a number, or addresses."""

Facts = Mapping[str, Fact]
"""Facts by name; one that is not known is left out. A reader keeps names that it does not know."""

MAX_STORY = 2000
"""Characters of `text`: a paragraph or two."""

TEXTS = {
    "title": MAX_TEXT,
    "years": MAX_TEXT,
    "mint": MAX_TEXT,
    "ruler": MAX_TEXT,
    "metal": MAX_TEXT,
    "edge": MAX_TEXT,
    "mintage": MAX_TEXT,
    "km": MAX_TEXT,
    "numista": MAX_TEXT,
    "text": MAX_STORY,
}
"""Facts that are text, and the characters that each may have."""

NUMBERS = {"weight": "g", "diameter": "mm"}
"""Facts that are numbers, and their units."""

LINKS = "links"
MAX_LINKS = 8

FACTS = ("title", "years", "mint", "ruler", "metal", *NUMBERS, "edge", "mintage", "km", "numista", "text", LINKS)
"""Every fact that is known here, in the order in which people are shown them."""

MAX_NUMBER, DECIMALS = 100_000, 3
"""The heaviest and largest coins weigh a tonne and measure 80 cm; scales at hand tell milligrams."""

KINDS: Mapping[str, type] = {**dict.fromkeys(TEXTS, str), **dict.fromkeys(NUMBERS, float), LINKS: tuple}

NUMBER = re.compile(r"([0-9]{1,6}(?:[.,][0-9]+)?)\s*(\S*)")
ADDRESS = re.compile(r"""https://[^\s<>"\\^`{|}/?#]+[^\s<>"\\^`{|}]*""")
"""Leads to an encrypted page, and nowhere that a browser would run."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def clean_facts(given: Mapping[str, object]) -> dict[str, Fact]:
    """Facts that a person or a program wrote, in their one form; what is blank is left out.

    Raises:
        ValueError: If a field is no fact or its value cannot be one; the message names each.
    """
    facts: dict[str, Fact] = {}
    problems = []
    for name, value in given.items():
        try:
            fact = clean_fact(name, value)
        except ValueError as error:
            problems.append(f"{name} {error}")
        else:
            if fact is not None:
                facts[name] = fact
    if problems:
        raise ValueError("; ".join(problems))
    return facts


def clean_fact(name: str, value: object) -> Fact | None:
    """A fact's value in its one form, None for a blank one.

    Numbers may be text with a decimal comma or their unit (`7,5 g`); addresses may be text with spaces between them.

    Raises:
        ValueError: If it cannot be one; the message is made to follow the name.
    """
    if name in TEXTS:
        if value is not None and not isinstance(value, str):
            raise ValueError("must be text")
        # The lines of a form's field become one: nothing that is shown in a table breaks it.
        return clean(" ".join((value or "").splitlines()), most=TEXTS[name]) or None
    if name in NUMBERS:
        return _number(value, NUMBERS[name])
    if name == LINKS:
        return _links(value)
    raise ValueError(f"is no fact of a coin; there are {', '.join(FACTS)}")


def checked_facts(document: object) -> dict[str, Fact]:
    """The facts of a coin record, of names known or not.

    Raises:
        ValueError: If it is anything but an object, not empty, of text that is not blank, finite numbers and lists of
            text.
    """
    if not isinstance(document, dict) or not document:
        raise ValueError("field facts must be an object, and left out where it is empty")
    facts: dict[str, Fact] = {}
    for name, value in document.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"fact {name[:40]!r} must have a name that matches {NAME.pattern}")
        facts[name] = _checked(name, value)
    return facts


def facts_document(facts: Facts) -> dict[str, Any]:
    """What `checked_facts` reads, but for an empty one."""
    return {name: list(fact) if isinstance(fact, tuple) else fact for name, fact in facts.items()}


def written_facts(facts: Facts) -> dict[str, str]:
    """Facts as cells of a table or fields of a form hold them."""
    return {name: written_fact(fact) for name, fact in facts.items()}


def written_fact(fact: Fact) -> str:
    """A fact as one cell of a table or one field of a form holds it; `clean_fact` reads it."""
    if isinstance(fact, tuple):
        return " ".join(fact)
    return fact if isinstance(fact, str) else f"{fact:.{DECIMALS}f}".rstrip("0").rstrip(".")


def _checked(name: str, value: object) -> Fact:
    kind = KINDS.get(name)
    if kind in (None, str) and isinstance(value, str) and value:
        return value
    if kind in (None, float) and is_finite(value) and (kind is None or value > 0):
        return float(value)
    if kind in (None, tuple) and _is_texts(value) and (kind is None or all(map(ADDRESS.fullmatch, value))):
        return tuple(value)
    raise ValueError(f"fact {name} has a value that it cannot have")


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) and each for each in value)


def _number(value: object, unit: str) -> float | None:
    told = f"must be a number of {unit} above 0 and below {MAX_NUMBER}, such as 7.5"
    if value is None or value == "":
        return None
    if isinstance(value, str):
        match = NUMBER.fullmatch(value.strip())
        if not value.strip():
            return None
        if match is None or match[2] not in ("", unit):
            raise ValueError(told)
        value = float(match[1].replace(",", "."))
    if not is_finite(value) or not 0 < value < MAX_NUMBER:
        raise ValueError(told)
    rounded = round(float(value), DECIMALS)
    if not rounded:
        raise ValueError(told)
    return rounded


def _links(value: object) -> tuple[str, ...] | None:
    words = value.split() if isinstance(value, str) else value
    if words is None:
        return None
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValueError("must be a list of addresses")
    links = tuple(dict.fromkeys(clean(word) for word in words if word.strip()))
    if len(links) > MAX_LINKS:
        raise ValueError(f"has {len(links)} addresses; {MAX_LINKS} are the most")
    for link in links:
        if not ADDRESS.fullmatch(link):
            raise ValueError(f"has {link[:60]!r}, which is no address that begins with https://")
    return links or None
