"""Text that people send: one form for each name, and nothing in it that a terminal or a page could take for more.

Every text that enters (a manifest, a page's form, the API, an archive) goes through `clean`; names are compared by
`folded`; what is printed and is not known to be clean goes through `shown`.
"""

import unicodedata

__all__ = ["MAX_TEXT", "clean", "folded", "plain", "shown", "size"]

MAX_TEXT = 200
"""Characters of a label's field or a design: what fits a line on a page, and no story."""

JOINERS = "\u200c\u200d"
"""Invisible, and yet part of how Persian and Indic words are spelt."""

UNPRINTABLE = {
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cn": "a character that does not exist",
    "Co": "a character without a meaning of its own",
    "Cs": "half a character",
    "Zl": "a line end",
    "Zp": "a paragraph end",
}
"""Unicode's categories of what no name may hold. `Cf` are the marks that turn the direction of a line, among others."""


def clean(text: str, *, most: int = MAX_TEXT) -> str:
    """The text without spaces around it, in Unicode's composed form (NFC).

    Raises:
        ValueError: If it holds what cannot be printed (control characters, line
            ends, marks that turn the direction of writing, halves of characters) or more than `most` characters.
    """
    text = unicodedata.normalize("NFC", text.strip())
    if len(text) > most:
        raise ValueError(f"has {len(text)} characters; {most} are the most")
    for place, letter in enumerate(text, start=1):
        category = unicodedata.category(letter)
        if category in UNPRINTABLE and letter not in JOINERS:
            what = "a line end" if letter in "\r\n\x0b\x0c\x85" else UNPRINTABLE[category]
            raise ValueError(f"holds {what} (U+{ord(letter):04X}, character {place}); type it again without it")
    return text


def folded(text: str) -> str:
    """What two spellings of one name have in common: upper and lower case, and composed and decomposed letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


def plain(text: str) -> str:
    """The text in lower case and without accents, for a search that forgives both."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in letters if not unicodedata.category(letter).startswith("M"))


def shown(text: str) -> str:
    """The text with what cannot be printed spelt out, such as `\\x1b`, so that a terminal shows it and does not obey
    it."""
    return "".join(
        letter
        if letter in JOINERS or unicodedata.category(letter) not in UNPRINTABLE
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def size(count: int) -> str:
    """A number of bytes as people read it, such as `4.20 MB`."""
    return f"{count / 1e6:.2f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
