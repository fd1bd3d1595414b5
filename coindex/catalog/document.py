"""JSON documents: every field is checked when it is read, and there is one canonical form for writing."""

import json
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, NoReturn

import rfc8785

from coindex.finite import is_finite

__all__ = ["Fields", "canonical", "parse_json"]

MAX_DEPTH = 100
"""The deepest nesting of brackets. The parser relies on Python's recursion limit, which some libraries raise."""

STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
STEP = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


class Fields:
    """An object of a JSON document. Each getter returns a checked value, or raises `ValueError` naming the field.

    Args:
        document: The parsed JSON value.
        within: The path of the object in its document, for error messages.

    Raises:
        ValueError: If `document` is not a JSON object.
    """

    def __init__(self, document: object, *, within: str = "") -> None:
        if not isinstance(document, Mapping):
            raise ValueError(f"{within or 'the document'} must be a JSON object")
        self._document = document
        self._prefix = f"{within}." if within else ""

    def whole(self, name: str, *, least: int = 0, most: int = 2**53 - 1) -> int:
        """A whole number in [least, most]."""
        value = self._get(name)
        if type(value) is not int or not least <= value <= most:
            self._refuse(name, f"must be a whole number from {least} to {most}")
        return value

    def number(self, name: str) -> float:
        """A finite number."""
        value = self._get(name)
        if not is_finite(value):
            self._refuse(name, "must be a finite number")
        return float(value)

    def text(self, name: str, pattern: re.Pattern[str] | None = None) -> str:
        """A string that matches `pattern` completely."""
        value = self._get(name)
        if not isinstance(value, str):
            self._refuse(name, "must be a string")
        if pattern and not pattern.fullmatch(value):
            self._refuse(name, f"must match {pattern.pattern}")
        return value

    def optional_text(self, name: str, pattern: re.Pattern[str]) -> str | None:
        """A string matching `pattern`, or null."""
        return None if self._get(name) is None else self.text(name, pattern)

    def texts(self, name: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        """A list of different strings, each matching `pattern`."""
        values = self._list(name)
        if not all(isinstance(value, str) and pattern.fullmatch(value) for value in values):
            self._refuse(name, f"must hold strings that match {pattern.pattern}")
        if len(set(values)) != len(values):
            self._refuse(name, "must not have a value twice")
        return tuple(values)

    def all_texts(self, name: re.Pattern[str], value: re.Pattern[str]) -> dict[str, str]:
        """Every field as a string matching `value`, under a name that matches `name`."""
        for each in self._document:
            if not name.fullmatch(each):
                self._refuse(each, f"must have a name that matches {name.pattern}")
        return {each: self.text(each, value) for each in self._document}

    def wholes(self, name: str, *, least: int, most: int) -> tuple[int, ...]:
        """An ascending list of different whole numbers in [least, most]."""
        values = self._list(name)
        if not all(type(value) is int and least <= value <= most for value in values):
            self._refuse(name, f"must hold whole numbers from {least} to {most}")
        if values != sorted(set(values)):
            self._refuse(name, "must ascend without repeats")
        return tuple(values)

    def is_null(self, name: str) -> bool:
        """Whether the field is null."""
        return self._get(name) is None

    def part(self, name: str) -> "Fields":
        """A nested object."""
        return Fields(self._get(name), within=f"{self._prefix}{name}")

    def optional_part(self, name: str) -> "Fields | None":
        """A nested object, or null."""
        return None if self._get(name) is None else self.part(name)

    def listed(self, name: str) -> "list[Fields]":
        """A list of nested objects."""
        within = f"{self._prefix}{name}"
        return [Fields(value, within=f"{within}[{place}]") for place, value in enumerate(self._list(name))]

    def parts(self) -> "dict[str, Fields]":
        """Every field as a nested object."""
        return {name: self.part(name) for name in self._document}

    def _list(self, name: str) -> list[Any]:
        value = self._get(name)
        if not isinstance(value, list):
            self._refuse(name, "must be a list")
        return value

    def _get(self, name: str) -> Any:
        if name not in self._document:
            self._refuse(name, "is missing")
        return self._document[name]

    def _refuse(self, name: str, why: str) -> NoReturn:
        raise ValueError(f"field {self._prefix}{name} {why}")


def parse_json(data: bytes) -> Any:
    """Parse a JSON text.

    Args:
        data: The text in UTF-8.

    Raises:
        ValueError: If it is not JSON (NaN and infinities are not), or is nested too deeply.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    if _depth(data) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return json.loads(data.decode(), parse_constant=refuse)


def canonical(value: Any) -> bytes:
    """The value as canonical JSON (RFC 8785): every language writes the same bytes for the same value."""
    return rfc8785.dumps(value)


def _depth(data: bytes) -> int:
    """The depth of brackets in a JSON text. For other text it is at least as deep as a parser would go."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return 0
    steps = (STEP.get(match.group(), 0) for match in STRING_OR_BRACKET.finditer(data))
    return max(accumulate(steps), default=0)
