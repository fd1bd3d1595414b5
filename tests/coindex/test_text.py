"""Texts that enter, and texts that go out."""

import unicodedata

import pytest

from coindex.text import MAX_TEXT, clean, folded, shown

COMPOSED, DECOMPOSED = "Özbekiston é", unicodedata.normalize("NFD", "Özbekiston é")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Utopia ", "Utopia"),
        ("\tUtopia\n", "Utopia"),
        ("\u00a0Utopia\u3000", "Utopia"),
        (DECOMPOSED, COMPOSED),
        ("", ""),
        ("ایران می\u200cخواهم", "ایران می\u200cخواهم"),
        ("श्री\u200d", "श्री\u200d"),
        ("½ [/] <b> ; = 中国 🪙", "½ [/] <b> ; = 中国 🪙"),
    ],
)
def test_a_text_is_stripped_and_composed(given, kept):
    assert clean(given) == kept


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a\x1b[31mb", r"a control character \(U\+001B, character 2\)"),
        ("a\0b", "a control character"),
        ("a\tb", "a control character"),
        ("a\x9bb", "a control character"),
        ("a\nb", "a line end"),
        ("a\rb", "a line end"),
        ("a\x85b", "a line end"),
        ("a\u2028b", "a line end"),
        ("a\u2029b", "a paragraph end"),
        ("a\u202eb", r"an invisible character \(U\+202E"),
        ("a\u2066b", "an invisible character"),
        ("\ufeffa", "an invisible character"),
        ("a\U000e0041b", "an invisible character"),
        ("a\ud800b", "half a character"),
        ("a\udce9b", "half a character"),
        ("a\ue000b", "without a meaning"),
        ("a\uffffb", "does not exist"),
    ],
)
def test_what_cannot_be_printed_is_refused_by_its_place(text, what):
    with pytest.raises(ValueError, match=f"holds .*{what}"):
        clean(text)


def test_a_text_has_a_longest_length_once_it_is_composed():
    longest = "é" * MAX_TEXT
    assert clean(unicodedata.normalize("NFD", longest)) == longest
    with pytest.raises(ValueError, match="has 201 characters; 200 are the most"):
        clean("x" * (MAX_TEXT + 1))


def test_spellings_of_one_name_are_folded_to_one():
    assert folded(DECOMPOSED.upper()) == folded(COMPOSED)
    assert folded("STRASSE") == folded("Straße ")
    assert folded("Utopia") != folded("Utopía")


def test_what_is_shown_cannot_command_a_terminal():
    assert shown("é\x1b]0;x\x07\u202e\n\udcff ok") == "é\\x1b]0;x\\x07\\u202e\\n\\udcff ok"
    assert shown("می\u200cخواهم") == "می\u200cخواهم"
