"""Presets: every number of a training, in a commented TOML file each."""

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from coindex.errors import TrainingError
from training.composites import CompositeSettings
from training.embedder import EmbedderSettings
from training.relief import ReliefSettings
from training.segmenter import SegmenterSettings

__all__ = ["PRESETS", "DataSettings", "Preset", "read_preset"]

PRESETS = ("mobile", "open", "article", "tiny")


@dataclass(frozen=True)
class DataSettings:
    """Which photos are trained on and judged with; each field is a key of the preset's `[data]` table."""

    train: tuple[str, ...]
    retrieval: tuple[tuple[str, str], ...]
    min_photos: int
    unlabelled_every: int
    synthetic_types: int
    synthetic_pictures: int
    synthetic_values: int
    hough: bool = False
    """Whether coins on grounds that are not pale are outlined by the Hough transform's circle, where it finds one."""
    licences: dict[str, str] = field(default_factory=dict)
    """Licence of each source that may be trained on, by split, `unlabelled`, `backgrounds` and `weights`; empty where
    any may be, also without a licence."""


@dataclass(frozen=True)
class Preset:
    """A preset by its name, with the settings of its nets; `relief` is None for nets without a second look."""

    name: str
    data: DataSettings
    embedder: EmbedderSettings
    segmenter: SegmenterSettings
    relief: ReliefSettings | None = None


def read_preset(name: str) -> Preset:
    """Read a preset by its name, or the file of one: a path that ends in `.toml`.

    Raises:
        TrainingError: If the name is none of `PRESETS`, or the file is missing or no preset.
    """
    if name.endswith(".toml"):
        return _parsed(Path(name).stem, name, Path(name))
    if name not in PRESETS:
        raise TrainingError(f"no preset named {name!r}; there are: {', '.join(PRESETS)}, or give a file, NAME.toml")
    return _parsed(name, f"preset {name}", files("training") / "presets" / f"{name}.toml")


def _parsed(name: str, where: str, source: Path | Traversable) -> Preset:
    try:
        document: dict[str, Any] = tomllib.loads(source.read_text("utf-8"))
        data, embedder, segmenter = (document[table] for table in ("data", "embedder", "segmenter"))
        composites = segmenter.get("composites")
        return Preset(
            name,
            DataSettings(
                **{
                    **data,
                    "train": tuple(data["train"]),
                    "retrieval": tuple((catalog, query) for catalog, query in data["retrieval"]),
                }
            ),
            EmbedderSettings(**embedder),
            SegmenterSettings(
                **{
                    **segmenter,
                    "decoder": tuple(segmenter["decoder"]),
                    "composites": composites
                    and CompositeSettings(**{**composites, "frame_area": tuple(composites["frame_area"])}),
                }
            ),
            ReliefSettings(**document["relief"]) if "relief" in document else None,
        )
    except OSError as error:
        raise TrainingError(f"{where}: cannot be read ({error.strerror}); check its path") from None
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{where}: not a preset ({type(error).__name__}: {error}); its tables and keys are those of "
            "training/presets/mobile.toml"
        ) from None
