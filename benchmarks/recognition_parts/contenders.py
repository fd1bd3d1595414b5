"""The contenders: their nets, and how each comes from a photo to codes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.codes import quantise
from coindex.cutout import SIZE, cut_out, mask_box, square_around, take_square
from coindex.models import INDEX_NAME, Models, load_models, read_index
from coindex.photo import Photo
from coindex.pipeline import embed_turned, encode_photo
from coindex.relief import QueryRelief
from coindex.resize import resize
from coindex.runtime import LiteRTNet, Net
from coindex.segmentation import find_coins, find_in_detail
from recognition_parts.photos import SEED

OURS, TORCH, ARTICLE, ARTICLES = "coindex-int8", "coindex-torch", "article-torch", "article"
SLOWLY_MADE = ("coindex-dynamic", "coindex-float16", "coindex-float32")
"""TensorFlow's converter takes minutes for them."""

FILES = {
    OURS: ".tflite",
    "coindex-dynamic": ".dynamic.tflite",
    "coindex-float16": ".float16.tflite",
    "coindex-float32": ".float32.tflite",
    "coindex-onnx": ".onnx",
    "article-onnx": ".article.onnx",
}
"""The contenders that are a pair of files, with what follows a net's name in its file's."""

CONTENDERS = (OURS, *SLOWLY_MADE, "coindex-onnx", TORCH, ARTICLE, "article-onnx")

NETS = ("segmenter", "embedder")

Encoded = Sequence[tuple[NDArray[np.int8], QueryRelief | None]]
"""Of each coin its code, and what the second look compares."""


@dataclass(frozen=True)
class Run:
    """One contender: `folder` holds the models, the photos and what was recorded of them."""

    name: str
    threads: int
    repeats: int
    folder: Path
    checkpoints: Path


def article_nets() -> dict[str, Any]:
    """The article's nets as its preset says, with random weights."""
    import torch

    from training.nets import Embedder, Segmenter
    from training.presets import read_preset

    torch.manual_seed(SEED)
    preset = read_preset("article")
    segmenter, embedder = preset.segmenter, preset.embedder
    nets = {
        "segmenter": Segmenter(segmenter.backbone, decoder=segmenter.decoder, channels=segmenter.channels),
        "embedder": Embedder(embedder.backbone, side=embedder.side, head=embedder.head),
    }
    return {name: net.eval() for name, net in nets.items()}


def encoded_once(photo: Photo, models: Models) -> Encoded:
    return [(coin.code, coin.relief) for coin in encode_photo(photo, models).coins]


def encoded_twice(photo: Photo, models: Models) -> Encoded:
    """All looks at the small decoding, and all of them again at the larger one."""
    coins = find_coins(photo, models.segmenter)
    if photo.in_detail and not (coins and all(coin.crop.width >= SIZE for coin in coins)):
        coins = find_coins(photo.in_detail(), models.segmenter)
    cutouts = [cut_out(coin.rgb, coin.mask) for coin in coins]
    embeddings = [embed_turned(cutout, models.embedder) for cutout in cutouts]
    codes = [quantise(embedding[None], models.index.code_scale)[0] for embedding in embeddings]
    reliefs = [models.relief(cutout) if models.relief else None for cutout in cutouts]
    return list(zip(codes, reliefs, strict=True))


def encoded_as_the_article(photo: Photo, models: Models) -> Encoded:
    """Two looks, the coin in RGB on black, and one run of the embedder on it."""
    codes: list[tuple[NDArray[np.int8], QueryRelief | None]] = []
    for coin in find_in_detail(photo, models.segmenter)[1]:
        on_black = np.where(coin.mask[:, :, None] >= 128, coin.rgb, 0).astype(np.uint8)
        cutout = resize(take_square(on_black, square_around(mask_box(coin.mask))), SIZE, SIZE)
        codes.append((quantise(models.embedder(cutout[None]), models.index.code_scale)[0], None))
    return codes


@dataclass
class Timed:
    """A net that counts the seconds spent in it."""

    net: Callable[[NDArray[np.uint8]], Any]
    seconds: float = 0.0

    def __call__(self, pixels: NDArray[np.uint8]) -> Any:
        began = time.perf_counter()
        answer = self.net(pixels)
        self.seconds += time.perf_counter() - began
        return answer


@dataclass
class Recorded:
    """A net whose answers are kept."""

    net: Net
    given: list[NDArray[np.float32]] = field(default_factory=list)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer = self.net(pixels)
        self.given.extend(answer)
        return answer


@dataclass
class Replayed:
    """A net that runs for its time, and answers what another one did, look by look and over again."""

    net: Net
    given: NDArray[np.float32]
    look: int = 0

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.net(pixels)
        looks = np.arange(self.look, self.look + len(pixels)) % len(self.given)
        self.look += len(pixels)
        return np.asarray(self.given[looks])


def loaded(run: Run) -> tuple[Models, int]:
    """A contender's nets and the bytes of their files, or of their weights where they have none."""
    index = read_index(run.folder / INDEX_NAME)
    if run.name == OURS:
        models = load_models(run.folder, threads=run.threads)
        return models, sum(net.bytes for net in index.nets.values())
    if run.name not in (TORCH, ARTICLE):
        files = [run.folder / f"{name}{FILES[run.name]}" for name in NETS]
        kind = _OnnxNet if FILES[run.name].endswith(".onnx") else LiteRTNet
        segmenter, embedder = (kind(path, threads=run.threads) for path in files)
        return Models(index, segmenter, embedder), sum(path.stat().st_size for path in files)
    import torch

    from training.torch_runtime import TorchNet, load_torch

    torch.set_num_threads(run.threads)
    if run.name == ARTICLE:
        nets = article_nets()
        weights = [value for net in nets.values() for value in net.state_dict().values()]
        size = sum(value.numel() * value.element_size() for value in weights)
        return Models(index, TorchNet(nets["segmenter"]), TorchNet(nets["embedder"])), size
    size = sum(path.stat().st_size for path in run.checkpoints.glob("*.safetensors"))
    return load_torch(run.folder, checkpoints=run.checkpoints), size


class _OnnxNet:
    """An ONNX file as a net; that of `export.onnx_runtime` comes with torch, whose memory would count."""

    def __init__(self, path: Path, *, threads: int) -> None:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        self._session: Any = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.concatenate([self._run(picture) for picture in pixels])

    def _run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        (output,) = self._session.run(None, {"image": picture.transpose(2, 0, 1)[None]})
        return np.asarray(output.transpose(0, 2, 3, 1) if output.ndim == 4 else output)
