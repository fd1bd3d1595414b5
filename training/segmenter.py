"""Training of the segmenter: where the coins are, and where one ends and the next begins."""

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.averaging import average_into
from training.losses import dice_loss
from training.nets import Segmenter, to_input
from training.scenes import labelled_scene
from training.sources import CoinPicture

__all__ = ["SegmenterSettings", "intersection_over_union", "train_segmenter"]

VALIDATION_SCENES = 200


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


class _Scenes(IterableDataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    def __init__(self, coins: Sequence[CoinPicture], textures: Sequence[NDArray[np.uint8]], seed: int) -> None:
        self._coins, self._textures, self._seed = coins, textures, seed

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        cv2.setNumThreads(1)
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
    weights: dict[str, torch.Tensor] | None,
    run: Path,
    seed: int = 0,
    workers: int = 1,
    on_step: Callable[[int, int, float], None] = lambda step, steps, loss: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Segmenter:
    """Train on scenes of `coins` over `textures`, judge on scenes of the `held_out` ones, return the averaged net.

    `run` receives `history.jsonl` and, after each epoch, `state.pt`, from which the same call goes on after a stop.
    """
    torch.manual_seed(seed)
    net = Segmenter(settings.backbone, decoder=settings.decoder)
    if weights is not None:
        # The classifier's last convolution has no place in a U-Net.
        encoder = net.unet.encoder.model
        known = encoder.state_dict()
        encoder.load_state_dict({name: value for name, value in weights.items() if name in known})
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    encoder_parameters = list(net.unet.encoder.parameters())
    inside = {id(parameter) for parameter in encoder_parameters}
    optimiser = torch.optim.AdamW(
        [
            {"params": encoder_parameters, "lr": settings.backbone_rate},
            {"params": [p for p in net.parameters() if id(p) not in inside], "lr": settings.decoder_rate},
        ],
        weight_decay=settings.weight_decay,
    )
    steps = settings.scenes_per_epoch // settings.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [settings.backbone_rate, settings.decoder_rate],
        total_steps=steps * settings.epochs,
        pct_start=0.1,
    )
    average = copy.deepcopy(net)
    parts = {"net": net, "average": average, "optimiser": optimiser, "schedule": schedule}
    run.mkdir(parents=True, exist_ok=True)
    state_file, first = run / "state.pt", 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        first = int(state["epoch"])
    rng = np.random.default_rng(20211)
    validation = [labelled_scene(*held_out, rng) for _ in range(VALIDATION_SCENES)]
    scenes = _Scenes(coins, textures, seed + first)
    batches = iter(
        DataLoader(scenes, batch_size=settings.batch, num_workers=workers, prefetch_factor=4 if workers else None)
    )
    for epoch in range(first, settings.epochs):
        net.train()
        began, losses = time.monotonic(), []
        for step in range(steps):
            pictures, labels = next(batches)
            target = labels.permute(0, 3, 1, 2).float()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = net(to_input(pictures.numpy()))
            logits = logits.float()
            loss = dice_loss(logits, target) + F.binary_cross_entropy_with_logits(logits, target)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            average_into(average, net, epoch * steps + step, settings.ema_decay)
            losses.append(loss.item())
            on_step(step + 1, steps, losses[-1])
        row: dict[str, Any] = {
            "epoch": epoch + 1,
            "loss": float(np.mean(losses)),
            "scenes_per_s": steps * settings.batch / (time.monotonic() - began),
            "iou": _validate(average, validation),
        }
        with (run / "history.jsonl").open("a") as history:
            history.write(json.dumps(row) + "\n")
        torch.save({**{name: part.state_dict() for name, part in parts.items()}, "epoch": epoch + 1}, run / "state.part")
        (run / "state.part").replace(state_file)
        on_epoch(row)
    (run / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
    return average.eval()


def intersection_over_union(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """IoU of two masks of one shape; 1 where both are empty."""
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0


@torch.no_grad()
def _validate(
    net: Segmenter, scenes: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]
) -> dict[str, float]:
    """Mean IoU of the coin channel at thresholds 0.3 and 0.5, and of the core at 0.5."""
    net.eval()
    rows = []
    for start in range(0, len(scenes), 16):
        batch = scenes[start : start + 16]
        probability = net(to_input(np.stack([picture for picture, _ in batch]))).sigmoid().numpy()
        for seen, (_, labels) in zip(probability, batch, strict=True):
            coin, core = labels[:, :, 0] > 0, labels[:, :, 1] > 0
            rows.append([
                intersection_over_union(seen[0] > 0.3, coin),
                intersection_over_union(seen[0] > 0.5, coin),
                intersection_over_union(seen[1] > 0.5, core),
            ])
    mean = np.mean(rows, axis=0)
    return {"coin@0.3": float(mean[0]), "coin@0.5": float(mean[1]), "core@0.5": float(mean[2])}
