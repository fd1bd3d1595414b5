"""Coins in one file: what a machine without the photos, lent for minutes, trains on."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.disk import file_sha256, write_whole
from coindex.errors import TrainingError
from training.data import Pools
from training.embedder import Retrieval
from training.presets import DataSettings
from training.sources import CoinPicture

__all__ = ["ENDING", "describe_pack", "read_pack", "write_pack"]

ENDING = ".npz"
"""How the name of a pack ends: what `--data` tells it from a manifest by."""

QUALITY = 85
"""Of the pictures, coded as WebP: a coin of 144 pixels takes 3 to 5 kB."""

VERSION = 1


def write_pack(path: Path, pools: Pools, settings: DataSettings, *, size: int) -> None:
    """Write the coins of `pools`, squares of `size` pixels, whole or not at all; `settings` are those they came by.

    Raises:
        TrainingError: If a picture cannot be coded as WebP.
    """
    about = {
        "version": VERSION,
        "size": size,
        "data": asdict(settings),
        "sources": list(pools.sources),
        "retrievals": [retrieval.name for retrieval in pools.retrievals],
    }
    arrays: dict[str, NDArray[Any]] = {"about": np.array(json.dumps(about))}
    for number, coins in enumerate(pools.sources.values()):
        arrays |= _packed(f"source.{number}", coins, size)
    for number, retrieval in enumerate(pools.retrievals):
        arrays |= _packed(f"catalog.{number}", retrieval.catalog, size)
        arrays |= _packed(f"queries.{number}", retrieval.queries, size)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_whole(path, content.getvalue())


def read_pack(path: Path, settings: DataSettings, *, size: int) -> Pools:
    """The coins of a pack.

    Raises:
        TrainingError: If the file is no pack, or was made by other data settings or with another size of coins.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            if about["version"] != VERSION:
                raise ValueError(f"version {about['version']}, expected {VERSION}")
            _check(path, about, settings, size)
            sources = {name: _coins(arrays, f"source.{number}", size) for number, name in enumerate(about["sources"])}
            retrievals = tuple(
                Retrieval(name, _coins(arrays, f"catalog.{number}", size), _coins(arrays, f"queries.{number}", size))
                for number, name in enumerate(about["retrievals"])
            )
    except TrainingError:
        raise
    except Exception as error:
        raise TrainingError(
            f"{path}: not a pack of coins ({type(error).__name__}: {error}); write it again with `coindex train pack`"
        ) from None
    return Pools(sources, retrievals)


def describe_pack(path: Path) -> dict[str, Any]:
    """What a run's record says of a pack: a digest of it.

    Raises:
        TrainingError: If there is none.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: no such file; write it with `coindex train pack`")
    return {"pack": path.name, "digest": file_sha256(path)[:16]}


def _check(path: Path, about: dict[str, Any], settings: DataSettings, size: int) -> None:
    here = json.loads(json.dumps(asdict(settings)))
    differing = [name for name in here if about["data"].get(name) != here[name]]
    if about["size"] != size:
        differing.append("source_size")
    if differing:
        raise TrainingError(
            f"{path}: packed with other settings than the preset's: {', '.join(differing)}; pack it again with this "
            "preset, or train with the one that it was packed with"
        )


def _packed(name: str, coins: Sequence[CoinPicture], size: int) -> dict[str, NDArray[Any]]:
    coded = [_coded(coin.rgb) for coin in coins]
    return {
        f"{name}.pictures": np.frombuffer(b"".join(coded), np.uint8),
        f"{name}.ends": np.cumsum([len(each) for each in coded], dtype=np.int64),
        f"{name}.masks": np.packbits(
            np.array([coin.mask > 0 for coin in coins], bool).reshape(len(coins), size * size), axis=1
        ),
        f"{name}.labels": np.array([coin.label for coin in coins], dtype=np.str_),
        f"{name}.designs": np.array([coin.design for coin in coins], dtype=np.str_),
    }


def _coins(arrays: Any, name: str, size: int) -> tuple[CoinPicture, ...]:
    pictures, ends = arrays[f"{name}.pictures"], arrays[f"{name}.ends"]
    masks = np.unpackbits(arrays[f"{name}.masks"], axis=1, count=size * size).reshape(-1, size, size) * np.uint8(255)
    labels, designs = arrays[f"{name}.labels"].tolist(), arrays[f"{name}.designs"].tolist()
    begins = [0, *ends[:-1].tolist()] if len(ends) else []
    return tuple(
        CoinPicture(_decoded(pictures[begin:end]), mask, label, design)
        for begin, end, mask, label, design in zip(begins, ends.tolist(), masks, labels, designs, strict=True)
    )


def _coded(rgb: NDArray[np.uint8]) -> bytes:
    done, coded = cv2.imencode(".webp", rgb[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    if not done:
        raise TrainingError("a coin's picture could not be coded as WebP; install OpenCV with its codecs")
    return coded.tobytes()


def _decoded(coded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    bgr = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("a picture cannot be decoded")
    return np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)
