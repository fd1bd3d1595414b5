"""Training of the segmenter: where the coins are, and where one ends and the next begins."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import IterableDataset, get_worker_info

from coindex.cutout import SIZE
from coindex.resize import resize
from training.composites import CompositeSettings, composite, drawn_ground
from training.device import CPU, Device
from training.judgement import Judgement, overlays
from training.loop import Reporter, Schedule, fit
from training.losses import dice_loss
from training.nets import Segmenter, fill_backbone, fill_net, to_input
from training.outlines import (
    THRESHOLDS,
    AtThreshold,
    intersection_over_union,
    largest_by_one_look,
    largest_refined,
)
from training.scenes import labelled_scene
from training.sources import CoinPicture

__all__ = ["SegmenterSettings", "train_segmenter"]

VALIDATION_SCENES = 200
VALIDATION_SEED = 20211

VALIDATION_COMPOSITES = 60
COMPOSITE_FRAME = 512
"""Side of the composites that are judged by: large enough that a second look sees more than the first."""


@dataclass(frozen=True)
class SegmenterSettings:
    """What a segmenter is and how it is trained; each field is a key of the preset's `[segmenter]` table."""

    backbone: str
    decoder: tuple[int, ...]
    epochs: int
    scenes_per_epoch: int
    batch: int
    backbone_rate: float
    decoder_rate: float
    weight_decay: float
    ema_decay: float
    source_size: int
    coins: dict[str, int]
    channels: int = 2
    """2: coin and core, as devices need them; 1: coin alone, where what is connected is one coin."""
    dice_alone: bool = False
    """Whether the loss is Dice without the cross-entropy of each pixel besides."""
    composites: CompositeSettings | None = None
    """The article's composites of one coin each in place of scenes."""

    def __post_init__(self) -> None:
        if (self.channels, self.composites is None) not in ((2, True), (1, False)):
            raise ValueError("a segmenter learns 2 channels from scenes, or 1 channel from composites")


class _Scenes(IterableDataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    """An endless stream of (picture, labels) by the preset's recipe."""

    def __init__(
        self,
        coins: Sequence[CoinPicture],
        textures: Sequence[NDArray[np.uint8]],
        composites: CompositeSettings | None,
        seed: int,
        no_coins: Sequence[CoinPicture],
    ) -> None:
        self._coins, self._textures, self._composites, self._seed = coins, textures, composites, seed
        self._no_coins = no_coins

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        while True:
            if self._composites is None:
                yield labelled_scene(self._coins, self._textures, rng, self._no_coins)
            else:
                picture, mask = _composite(self._coins, self._textures, self._composites, SIZE, rng)
                yield picture, (mask[:, :, None] > 0).astype(np.uint8)


def train_segmenter(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    held_out: tuple[Sequence[CoinPicture], Sequence[NDArray[np.uint8]]],
    settings: SegmenterSettings,
    *,
    weights: Mapping[str, torch.Tensor] | None,
    run: Path,
    begin: Segmenter | None = None,
    no_coins: Sequence[CoinPicture] = (),
    seed: int = 0,
    device: Device = CPU,
    workers: int = 1,
    report: Reporter | None = None,
) -> Segmenter:
    """Train on pictures of `coins` over `textures`, judge on pictures of the `held_out` ones; see `training.loop.fit`.

    They are scenes, or the article's composites where the settings have them.

    Args:
        begin: The net to begin from; None begins from the backbone's `weights`.
        no_coins: Things that lie among the coins of scenes.

    Raises:
        TrainingError: If `begin` has another architecture than the settings, or training cannot start or continue.
    """
    torch.manual_seed(seed)
    net = Segmenter(settings.backbone, decoder=settings.decoder, channels=settings.channels)
    encoder = net.unet.encoder
    if begin is not None:
        fill_net(net, begin)
    elif weights is not None:
        fill_backbone(encoder.model, weights, settings.backbone)
    net = net.to(device.name).to(memory_format=torch.channels_last)
    rng = np.random.default_rng(VALIDATION_SEED)
    judge: Callable[[Segmenter], Judgement]
    if settings.composites is None:
        scenes = [labelled_scene(*held_out, rng) for _ in range(min(VALIDATION_SCENES, settings.scenes_per_epoch))]
        judge = partial(_validate, scenes=scenes)
    else:
        framed = [
            _composite(*held_out, settings.composites, COMPOSITE_FRAME, rng) for _ in range(VALIDATION_COMPOSITES)
        ]
        judge = partial(_validate_by_looks, composites=framed)

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        pictures, labels = batch
        target = labels.to(device.name).permute(0, 3, 1, 2).float()
        with device.autocast():
            logits = net(to_input(pictures.numpy()).to(device.name))
        return _loss(logits.float(), target, dice_alone=settings.dice_alone)

    inside = {id(parameter) for parameter in encoder.parameters()}
    return fit(
        net,
        lambda epoch: _Scenes(coins, textures, settings.composites, seed + epoch, no_coins),
        loss,
        judge,
        [list(encoder.parameters()), [value for value in net.parameters() if id(value) not in inside]],
        Schedule(
            settings.epochs,
            settings.scenes_per_epoch // settings.batch,
            settings.batch,
            (settings.backbone_rate, settings.decoder_rate),
            settings.weight_decay,
            settings.ema_decay,
        ),
        run=run,
        device=device,
        workers=workers,
        report=report,
    )


@dataclass(frozen=True)
class _Running:
    """A segmenter in training as a device's net: uint8 (n, 256, 256, 3) in, logits float32 channels last out."""

    module: Segmenter

    @torch.no_grad()
    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits: torch.Tensor = self.module(to_input(pixels).to(next(self.module.parameters()).device))
        return logits.permute(0, 2, 3, 1).cpu().numpy()


def _loss(logits: torch.Tensor, target: torch.Tensor, *, dice_alone: bool = False) -> torch.Tensor:
    dice = dice_loss(logits, target)
    return dice if dice_alone else dice + F.binary_cross_entropy_with_logits(logits, target)


def _composite(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    settings: CompositeSettings,
    side: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    coin = coins[int(rng.integers(len(coins)))]
    return composite(coin, drawn_ground(textures, side=side, rng=rng), side=side, rng=rng, settings=settings)


def _validate_by_looks(net: Segmenter, composites: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> Judgement:
    """The article's figures: IoU of the largest coin at thresholds 0.3 and 0.5, after two looks and after one."""
    net.eval()
    running = _Running(net)
    ious: dict[str, list[float]] = {}
    found = []
    for picture, mask in composites:
        for threshold in THRESHOLDS:
            looked = AtThreshold(running, threshold)
            one, two = largest_by_one_look(picture, looked), largest_refined(picture, looked)
            ious.setdefault(f"coin@{threshold}", []).append(intersection_over_union(two, mask > 0))
            ious.setdefault(f"one look@{threshold}", []).append(intersection_over_union(one, mask > 0))
        found.append(two)
    pictures, truth = [picture for picture, _ in composites], [mask > 0 for _, mask in composites]
    each = tuple(ious[f"coin@{THRESHOLDS[-1]}"])
    return Judgement(
        {
            "validation_loss": float(np.mean([_composite_loss(running, *pair) for pair in composites])),
            "iou": {name: float(np.mean(values)) for name, values in ious.items()},
        },
        overlays=overlays(pictures, found, truth, each),
        ious=each,
    )


def _composite_loss(net: _Running, picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> float:
    logits = torch.from_numpy(net(resize(picture, SIZE, SIZE)[None])).permute(0, 3, 1, 2)
    target = torch.from_numpy(resize(mask, SIZE, SIZE) >= 128)[None, None].float()
    return float(dice_loss(logits, target))


@torch.no_grad()
def _validate(net: Segmenter, scenes: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> Judgement:
    """The loss, and mean IoU of the coin channel at thresholds 0.3 and 0.5 and of the core at 0.5."""
    net.eval()
    place = next(net.parameters()).device
    rows, found, truth = [], [], []
    total = 0.0
    for start in range(0, len(scenes), 16):
        batch = scenes[start : start + 16]
        logits = net(to_input(np.stack([picture for picture, _ in batch])).to(place))
        target = torch.from_numpy(np.stack([labels for _, labels in batch])).to(place).permute(0, 3, 1, 2).float()
        total += len(batch) * float(_loss(logits, target))
        for seen, (_, labels) in zip(logits.sigmoid().cpu().numpy(), batch, strict=True):
            coin, core = labels[:, :, 0] > 0, labels[:, :, 1] > 0
            rows.append(
                [
                    intersection_over_union(seen[0] > 0.3, coin),
                    intersection_over_union(seen[0] > 0.5, coin),
                    intersection_over_union(seen[1] > 0.5, core),
                ]
            )
            found.append(seen[0] > 0.5)
            truth.append(coin)
    mean = np.mean(rows, axis=0)
    iou = {"coin@0.3": float(mean[0]), "coin@0.5": float(mean[1]), "core@0.5": float(mean[2])}
    each = tuple(row[1] for row in rows)
    pictures = [picture for picture, _ in scenes]
    return Judgement(
        {"validation_loss": total / len(scenes), "iou": iou},
        overlays=overlays(pictures, found, truth, each),
        ious=each,
    )
