"""Where the files lie that come with the packages and are no code: the phone's models, and the built phone app."""

from importlib.resources import files
from pathlib import Path

__all__ = ["asset_folder"]

ASSETS = "mobile_assets"
"""The package of data, in a checkout and in a wheel alike."""


def asset_folder(*names: str) -> Path:
    """The folder `mobile_assets/<names>` of this install. It need not exist: who reads it says what is missing."""
    try:
        root = Path(str(files(ASSETS)))
    except ModuleNotFoundError:  # The packages run from a checkout's path, without being installed.
        root = Path(__file__).resolve().parents[1] / ASSETS
    return root.joinpath(*names)
