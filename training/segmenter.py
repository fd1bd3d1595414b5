"""Training of the segmenter: where the coins are, and where one ends and the next begins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import IterableDataset, get_worker_info

from training.loop import Reporter, Schedule, fit
from training.losses import dice_loss
from training.nets import Segmenter, to_input
from training.scenes import labelled_scene
from training.sources import CoinPicture

__all__ = ["SegmenterSettings", "intersection_over_union", "train_segmenter"]

VALIDATION_SCENES = 200
VALIDATION_SEED = 20211


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


class _Scenes(IterableDataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    def __init__(self, coins: Sequence[CoinPicture], textures: Sequence[NDArray[np.uint8]], seed: int) -> None:
        self._coins, self._textures, self._seed = coins, textures, seed

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        while True:
            yield labelled_scene(self._coins, self._textures, rng)


def train_segmenter(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    held_out: tuple[Sequence[CoinPicture], Sequence[NDArray[np.uint8]]],
    settings: SegmenterSettings,
    *,
    weights: Mapping[str, torch.Tensor] | None,
    run: Path,
    seed: int = 0,
    workers: int = 1,
    report: Reporter | None = None,
) -> Segmenter:
    """Train on scenes of `coins` over `textures`, judge on scenes of the `held_out` ones; see `training.loop.fit`."""
    torch.manual_seed(seed)
    net = Segmenter(settings.backbone, decoder=settings.decoder)
    encoder = net.unet.encoder
    if weights is not None:
        # The classifier's last convolution has no place in a U-Net.
        known = encoder.model.state_dict()
        encoder.model.load_state_dict({name: value for name, value in weights.items() if name in known})
    net = net.to(memory_format=torch.channels_last)
    rng = np.random.default_rng(VALIDATION_SEED)
    validation = [labelled_scene(*held_out, rng) for _ in range(VALIDATION_SCENES)]

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        pictures, labels = batch
        target = labels.permute(0, 3, 1, 2).float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(to_input(pictures.numpy()))
        logits = logits.float()
        return dice_loss(logits, target) + F.binary_cross_entropy_with_logits(logits, target)

    inside = {id(parameter) for parameter in encoder.parameters()}
    return fit(
        net,
        lambda epoch: _Scenes(coins, textures, seed + epoch),
        loss,
        lambda average: {"iou": _validate(average, validation)},
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
        workers=workers,
        report=report,
    )


def intersection_over_union(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """IoU of two masks of one shape; 1 where both are empty."""
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0


@torch.no_grad()
def _validate(net: Segmenter, scenes: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> dict[str, float]:
    """Mean IoU of the coin channel at thresholds 0.3 and 0.5, and of the core at 0.5."""
    net.eval()
    rows = []
    for start in range(0, len(scenes), 16):
        batch = scenes[start : start + 16]
        probability = net(to_input(np.stack([picture for picture, _ in batch]))).sigmoid().numpy()
        for seen, (_, labels) in zip(probability, batch, strict=True):
            coin, core = labels[:, :, 0] > 0, labels[:, :, 1] > 0
            rows.append(
                [
                    intersection_over_union(seen[0] > 0.3, coin),
                    intersection_over_union(seen[0] > 0.5, coin),
                    intersection_over_union(seen[1] > 0.5, core),
                ]
            )
    mean = np.mean(rows, axis=0)
    return {"coin@0.3": float(mean[0]), "coin@0.5": float(mean[1]), "core@0.5": float(mean[2])}
