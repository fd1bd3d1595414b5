"""What a model file says of itself, in whatever way its format keeps such things."""

from dataclasses import dataclass

__all__ = ["INPUT_NAME", "OUTPUT_NAME", "Description"]

INPUT_NAME = "image"
OUTPUT_NAME = "output"
"""The names of a net's one input and one output, in every format."""


@dataclass(frozen=True)
class Description:
    """One net's metadata: a `name`, a sentence each for what it does (`summary`), its `input` and its `output`.

    `space_id` names the codes that the models of this folder make together; `author` and `licence` are the project's.
    """

    name: str
    summary: str
    input: str
    output: str
    space_id: str
    author: str
    licence: str
