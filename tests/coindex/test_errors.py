"""The one tree of errors."""

import inspect
import pickle
import re

import pytest

from coindex import errors

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__]


def tree():
    """(name, parent) as the module's docstring draws them."""
    parents, drawn = [], []
    for line in errors.__doc__.splitlines():
        found = re.match(r"([ │├└─]*)([A-Z]\w+)( {2,}|$)", line)
        if found:
            depth = (len(found[1]) - 4) // 4
            parents = [*parents[:depth], found[2]]
            drawn.append((found[2], parents[depth - 1] if depth else "Exception"))
    return drawn


def test_all_is_true_and_sorted():
    assert errors.__all__ == sorted(cls.__name__ for cls in CLASSES)


def test_the_drawn_tree_is_the_real_one():
    assert sorted(tree()) == sorted((cls.__name__, cls.__bases__[0].__name__) for cls in CLASSES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_is_a_coindex_error_and_says_what_it_means(cls):
    assert issubclass(cls, errors.CoindexError)
    assert cls.__doc__.endswith(".")
    assert str(cls("coin.jpg: no such file")) == "coin.jpg: no such file"


def test_an_error_of_a_photo_says_its_reason_apart_from_its_name():
    error = errors.PhotoTooLarge("too many pixels", photo="coin.jpg")
    assert (str(error), error.reason) == ("coin.jpg: too many pixels", "too many pixels")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reason) == (str(error), error.reason)
    assert errors.NoCoinFound("no coin found").reason == "no coin found"
