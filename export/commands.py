"""`coindex export`: checkpoints in, the phone's models out, whole or not at all."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from torch import nn

from coindex.codes import space_id
from coindex.commands.progress import progress_bar
from coindex.cutout import CUTOUT_VERSION, SIZE, cut_out
from coindex.errors import ExportError
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, Models, OpenSet, load_models
from coindex.photo import load_photo
from coindex.pipeline import encode_photo
from export.open_set import CodedPhoto, calibrate
from export.tflite import to_onnx, to_tflite_int8
from training.data import load_textures
from training.nets import read_embedder, read_segmenter
from training.places import CHECKPOINTS, EMBEDDER, SEGMENTER
from training.presets import read_preset
from training.runtime import TorchNet
from training.scenes import labelled_scene
from training.sources import load_coins
from training.views import ViewSettings, phone_view

__all__ = ["export"]

CODE_SCALE = 254.0
"""Steps of a unit vector's coordinate: of 100,000 clustered vectors 98.3 % kept their nearest, with 127 only 95.4 %."""

CALIBRATION_PICTURES = 200
LOGIT_RANGE = 8.0
"""Logits are clipped here before they are quantised: beyond it a pixel is certain, and the steps stay fine near 0."""

PARITY_PICTURES = 50
SEED = 17


def export(
    data: Annotated[Path, typer.Option(help="A manifest.csv; its photos lie beside it, and calibrate the nets.")],
    backgrounds: Annotated[Path | None, typer.Option(help="A folder of surfaces without coins.")] = None,
    preset: Annotated[str, typer.Option(help="Its splits are calibrated and judged with.")] = "mobile",
    checkpoints: Annotated[
        Path, typer.Option(help="The folder of the float weights.", show_default="training/checkpoints")
    ] = CHECKPOINTS,
    out: Annotated[
        Path, typer.Option(help="The folder of the phone models.", show_default="mobile_assets/models")
    ] = DEFAULT_FOLDER,
) -> None:
    """Turn float checkpoints into the int8 models that phones run."""
    nets = {"segmenter": read_segmenter(checkpoints / SEGMENTER), "embedder": read_embedder(checkpoints / EMBEDDER)}
    splits = read_preset(preset).data
    photos = read_manifest(data)
    training = [photo for photo in photos if photo.split in splits.train]
    if not training:
        raise ExportError(f"{data}: no photo of a training split ({', '.join(splits.train)}) to calibrate int8 with")
    present = {photo.split for photo in photos}
    pairs = [pair for pair in splits.retrieval if present.issuperset(pair)]
    if not pairs:
        wanted = "; or ".join(" and ".join(pair) for pair in splits.retrieval)
        raise ExportError(f"{data}: the open-set threshold needs photos of unseen classes, of the splits {wanted}")
    pictures = _calibration(training, load_textures(backgrounds))
    with tempfile.TemporaryDirectory() as folder, progress_bar("Exporting") as on_progress:
        staging = Path(folder)
        for done, (name, net) in enumerate(nets.items()):
            on_progress(done, len(nets))
            to_onnx(_Clipped(net) if name == "segmenter" else net, staging / f"{name}.onnx")
            to_tflite_int8(staging / f"{name}.onnx", pictures[name], staging / f"{name}.tflite")
        document = _index(checkpoints, staging)
        models = _provisional(staging, document)
        document["parity"] = _parity(models, nets, pictures)
        document["open_set"] = _open_set(photos, pairs, models)
        _write(document, staging / INDEX_NAME)
        load_models(staging)
        out.mkdir(parents=True, exist_ok=True)
        # The index goes last: until then the former one refuses nets that are not its own.
        for file in ("segmenter.tflite", "embedder.tflite", INDEX_NAME):
            shutil.copyfile(staging / file, out / f"{file}.part")
        for file in ("segmenter.tflite", "embedder.tflite", INDEX_NAME):
            (out / f"{file}.part").replace(out / file)
    typer.echo(f"wrote {out}: space {document['space_id']}, {json.dumps(document['parity'])}")


class _Clipped(nn.Module):
    """A segmenter whose logits are clipped to ±`LOGIT_RANGE`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Any) -> Any:
        return self.net(pixels).clamp(-LOGIT_RANGE, LOGIT_RANGE)


def _calibration(
    photos: Sequence[LabelledPhoto], textures: Sequence[NDArray[np.uint8]]
) -> dict[str, NDArray[np.uint8]]:
    """Pictures uint8 (n, 256, 256, 3) for each net: cutouts for the embedder, scenes for the segmenter."""
    rng = np.random.default_rng(SEED)
    chosen = rng.permutation(len(photos))[:CALIBRATION_PICTURES]
    coins = load_coins([photos[int(i)] for i in chosen], size=SIZE)
    picks = [coins[int(i)] for i in rng.integers(0, len(coins), CALIBRATION_PICTURES)]
    cutouts = [
        cut_out(coin.rgb, coin.mask) if number % 2 else phone_view(coin, size=SIZE, settings=ViewSettings(), rng=rng)
        for number, coin in enumerate(picks)
    ]
    scenes = [labelled_scene(coins, textures, rng)[0] for _ in range(CALIBRATION_PICTURES)]
    # One pixel of each makes sure of 0 and 255, which fix the input's scale at 1/128.
    pictures = {"segmenter": np.stack(scenes), "embedder": np.stack(cutouts)}
    for batch in pictures.values():
        batch[0, 0, 0], batch[0, 0, 1] = 0, 255
    return pictures


def _index(checkpoints: Path, staging: Path) -> dict[str, Any]:
    digest = hashlib.sha256((checkpoints / EMBEDDER).read_bytes()).hexdigest()
    return {
        "format": 1,
        "space_id": space_id(digest, CUTOUT_VERSION, CODE_SCALE),
        "code_scale": CODE_SCALE,
        "cutout_version": CUTOUT_VERSION,
        "embedder_checkpoint_sha256": digest,
        "segmenter_checkpoint_sha256": hashlib.sha256((checkpoints / SEGMENTER).read_bytes()).hexdigest(),
        "calibrated_on": "photographs of the training splits and scenes composed of them",
        "models": {
            name: {
                "file": f"{name}.tflite",
                "sha256": hashlib.sha256((staging / f"{name}.tflite").read_bytes()).hexdigest(),
                "bytes": (staging / f"{name}.tflite").stat().st_size,
                "input": "int8 (1, 256, 256, 3), RGB, pixel - 128",
                "output": output,
            }
            for name, output in (
                ("segmenter", "int8 (1, 256, 256, 2), logits of coin and of core"),
                ("embedder", "int8 (1, 64), embedding of any length"),
            )
        },
    }


def _provisional(staging: Path, document: dict[str, Any]) -> Models:
    """The new nets, loaded as a phone loads them, before their open-set decision is known."""
    _write({**document, "open_set": {"threshold": 0, "midpoint": 0.0, "slope": 1.0}}, staging / INDEX_NAME)
    return load_models(staging)


def _parity(models: Models, nets: dict[str, nn.Module], pictures: dict[str, NDArray[np.uint8]]) -> dict[str, float]:
    """Int8 against float on calibration pictures: median and least cosine of embeddings, agreement of mask pixels."""
    cutouts, scenes = (pictures[name][:PARITY_PICTURES] for name in ("embedder", "segmenter"))
    a, b = models.embedder(cutouts), TorchNet(nets["embedder"])(cutouts)
    cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    seen, expected = (net(scenes)[..., 0] > 0 for net in (models.segmenter, TorchNet(nets["segmenter"])))
    return {
        "embedding_cosine_median": round(float(np.median(cosine)), 5),
        "embedding_cosine_least": round(float(cosine.min()), 5),
        "mask_iou": round(float((seen & expected).sum() / max((seen | expected).sum(), 1)), 5),
    }


def _open_set(photos: Sequence[LabelledPhoto], pairs: Sequence[tuple[str, str]], models: Models) -> dict[str, float]:
    """Calibrate on unseen classes through the whole device path."""
    coded: dict[str, list[CodedPhoto]] = {}
    wanted = [photo for photo in photos if any(photo.split in pair for pair in pairs)]
    with progress_bar("Calibrating the open set") as on_progress:
        for done, photo in enumerate(wanted, 1):
            found = encode_photo(load_photo(photo.path), models, largest_only=True).coins
            if found:
                coded.setdefault(photo.split, []).append(CodedPhoto(photo.label, found[0].code))
            on_progress(done, len(wanted))
    sets = [(coded[catalog], coded[query]) for catalog, query in pairs if catalog in coded and query in coded]
    fitted: OpenSet = calibrate(sets)
    return {"threshold": fitted.threshold, "midpoint": fitted.midpoint, "slope": fitted.slope}


def _write(document: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
