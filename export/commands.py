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
from coindex.errors import ExportError, ModelError
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER, FORMAT, INDEX_NAME, Models, load_models, load_nets, read_index
from coindex.open_set import OpenSet
from export.open_set import calibrate
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

UNDECIDED = OpenSet(limit=0, shift=0, bias=0, distance=0, ratio=0, rows=0, photos=0, far=1)
"""Stands in an index until it is calibrated: the nets must be loaded for that."""


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
    calibrate_only: Annotated[
        bool, typer.Option("--calibrate-only", help="Leave the nets there as they are, and calibrate confidence anew.")
    ] = False,
) -> None:
    """Turn float checkpoints into the int8 models that phones run."""
    if calibrate_only:
        _calibrate_anew(data, preset, out)
        return
    nets = {"segmenter": read_segmenter(checkpoints / SEGMENTER), "embedder": read_embedder(checkpoints / EMBEDDER)}
    splits = read_preset(preset).data
    photos = read_manifest(data)
    training = [photo for photo in photos if photo.split in splits.train]
    if not training:
        raise ExportError(f"{data}: no photo of a training split ({', '.join(splits.train)}) to calibrate int8 with")
    pairs = _unseen_pairs(data, photos, splits.retrieval)
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
        load_models(staging)  # what is shipped is what a phone can load
        out.mkdir(parents=True, exist_ok=True)
        # The index goes last: until then the former one refuses nets that are not its own.
        for file in ("segmenter.tflite", "embedder.tflite", INDEX_NAME):
            shutil.copyfile(staging / file, out / f"{file}.part")
        for file in ("segmenter.tflite", "embedder.tflite", INDEX_NAME):
            (out / f"{file}.part").replace(out / file)
    typer.echo(f"wrote {out}: space {document['space_id']}, {json.dumps(document['parity'])}")


def _calibrate_anew(data: Path, preset: str, out: Path) -> None:
    """Give a folder's models another open-set decision; an index of a former form takes the present one."""
    photos = read_manifest(data)
    pairs = _unseen_pairs(data, photos, read_preset(preset).data.retrieval)
    try:
        document = json.loads((out / INDEX_NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{out / INDEX_NAME}: not readable as JSON ({error}); export the models first") from None
    document["format"] = FORMAT
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / INDEX_NAME
        _write({**document, "open_set": UNDECIDED.document()}, path)
        models = load_nets(read_index(path), lambda model: out / model.file)
    document["open_set"] = _open_set(photos, pairs, models)
    part = out / f"{INDEX_NAME}.part"
    _write(document, part)
    read_index(part)
    part.replace(out / INDEX_NAME)
    typer.echo(f"wrote {out / INDEX_NAME}: {json.dumps(document['open_set'])}")


def _unseen_pairs(
    data: Path, photos: Sequence[LabelledPhoto], retrieval: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    present = {photo.split for photo in photos}
    pairs = [pair for pair in retrieval if present.issuperset(pair)]
    if not pairs:
        wanted = "; or ".join(" and ".join(pair) for pair in retrieval)
        raise ExportError(f"{data}: the open-set decision needs photos of unseen classes, of the splits {wanted}")
    return pairs


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
        "format": FORMAT,
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
    _write({**document, "open_set": UNDECIDED.document()}, staging / INDEX_NAME)
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
    with progress_bar("Calibrating the open set") as on_progress:
        return calibrate(photos, pairs, models, on_progress=on_progress).document()


def _write(document: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
