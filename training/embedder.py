"""Training of the embedder: coins that look alike come to lie close, all others apart."""

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
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from coindex.metrics import RECALL_AT, recall_at
from training.averaging import average_into
from training.losses import SubCentreArcFace
from training.nets import Embedder, to_input
from training.sources import CoinPicture
from training.views import ViewSettings, phone_view, plain_view

__all__ = ["EmbedderSettings", "Retrieval", "evaluate_retrieval", "train_embedder"]


@dataclass(frozen=True)
class EmbedderSettings:
    """What an embedder is and how it is trained; each field is a key of the preset's `[embedder]` table."""

    backbone: str
    pool: int
    dropout: float
    margin: float
    scale: float
    centres: int
    epochs: int
    views_per_epoch: int
    batch: int
    backbone_rate: float
    head_rate: float
    weight_decay: float
    ema_decay: float
    shares: dict[str, float]
    source_size: int


@dataclass(frozen=True)
class Retrieval:
    """A catalogue and queries of classes that training does not see."""

    name: str
    catalog: tuple[CoinPicture, ...]
    queries: tuple[CoinPicture, ...]


class _Views(IterableDataset[tuple[NDArray[np.uint8], int]]):
    """An endless stream of (view, class), sources drawn by share and classes of a source evenly by square root."""

    def __init__(
        self, sources: dict[str, Sequence[tuple[CoinPicture, int]]], settings: EmbedderSettings, size: int, seed: int
    ) -> None:
        self._sources, self._settings, self._size, self._seed = sources, settings, size, seed

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], int]]:
        cv2.setNumThreads(1)
        worker = get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        names = [name for name, coins in self._sources.items() if coins]
        shares = np.array([self._settings.shares[name] for name in names])
        weights = {name: _sampling_weights([label for _, label in self._sources[name]]) for name in names}
        view = ViewSettings()
        while True:
            name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
            coin, label = self._sources[name][int(rng.choice(len(weights[name]), p=weights[name]))]
            yield phone_view(coin, size=self._size, settings=view, rng=rng), label


def train_embedder(
    sources: dict[str, tuple[CoinPicture, ...]],
    retrievals: Sequence[Retrieval],
    settings: EmbedderSettings,
    *,
    weights: dict[str, torch.Tensor] | None,
    run: Path,
    seed: int = 0,
    workers: int = 1,
    on_step: Callable[[int, int, float], None] = lambda step, steps, loss: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Embedder:
    """Train on `sources` (name → coins), judge on `retrievals` after each epoch, return the averaged weights' net.

    `run` receives `history.jsonl` and, after each epoch, `state.pt`, from which the same call goes on after a stop.
    """
    torch.manual_seed(seed)
    labels = sorted({coin.label for coins in sources.values() for coin in coins})
    number = {label: i for i, label in enumerate(labels)}
    design = {coin.label: coin.design for coins in sources.values() for coin in coins}
    design_number = {name: i for i, name in enumerate(sorted(set(design.values())))}
    net = Embedder(settings.backbone, pool=settings.pool, dropout=settings.dropout)
    if weights is not None:
        net.backbone.load_state_dict(weights)
    loss_of = SubCentreArcFace(
        len(labels),
        torch.tensor([design_number[design[label]] for label in labels]),
        dimensions=64,
        margin=settings.margin,
        scale=settings.scale,
        centres=settings.centres,
    )
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        [
            {"params": net.backbone.parameters(), "lr": settings.backbone_rate},
            {"params": [*net.head.parameters(), *loss_of.parameters()], "lr": settings.head_rate},
        ],
        weight_decay=settings.weight_decay,
    )
    steps = settings.views_per_epoch // settings.batch
    total = steps * settings.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [settings.backbone_rate, settings.head_rate], total_steps=total, pct_start=0.1
    )
    if weights is not None:
        _start_from_features(net, loss_of, [(coin, number[coin.label]) for coins in sources.values() for coin in coins])
    average = copy.deepcopy(net)
    first = 0
    run.mkdir(parents=True, exist_ok=True)
    state_file = run / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        for part, name in ((net, "net"), (average, "average"), (loss_of, "loss"), (optimiser, "optimiser"), (schedule, "schedule")):
            part.load_state_dict(state[name])
        first = int(state["epoch"])
    size = 256 // settings.pool
    numbered = {name: [(coin, number[coin.label]) for coin in coins] for name, coins in sources.items()}
    views = _Views(numbered, settings, size, seed + first)
    batches = iter(DataLoader(views, batch_size=settings.batch, num_workers=workers, prefetch_factor=4 if workers else None))
    for epoch in range(first, settings.epochs):
        net.train()
        began, losses = time.monotonic(), []
        for step in range(steps):
            pictures, target = next(batches)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                embeddings = net.embed(to_input(pictures.numpy()))
            loss = loss_of(embeddings.float(), target)
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
            "views_per_s": steps * settings.batch / (time.monotonic() - began),
        }
        row |= {retrieval.name: evaluate_retrieval(average, retrieval, size) for retrieval in retrievals}
        with (run / "history.jsonl").open("a") as history:
            history.write(json.dumps(row) + "\n")
        state = {
            "net": net.state_dict(),
            "average": average.state_dict(),
            "loss": loss_of.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "epoch": epoch + 1,
        }
        torch.save(state, state_file.with_suffix(".part"))
        state_file.with_suffix(".part").replace(state_file)
        on_epoch(row)
    (run / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
    return average.eval()


@torch.no_grad()
def _start_from_features(
    net: Embedder, loss_of: SubCentreArcFace, coins: Sequence[tuple[CoinPicture, int]]
) -> None:
    """Start the head at the principal components of the pretrained features, and each centre at its class's mean.

    From random ones the first epochs would unlearn what the backbone knows before the head has learnt to use it.
    """
    net.eval()
    size = 256 // net.pool
    features, batch = [], 128
    for start in range(0, len(coins), batch):
        pictures = np.stack([plain_view(coin, size=size) for coin, _ in coins[start : start + batch]])
        features.append(net.backbone(to_input(pictures)).mean(dim=(2, 3)))
    every = torch.cat(features)
    centred = every - every.mean(dim=0)
    _, spread, directions = torch.linalg.svd(centred, full_matrices=False)
    head = net.head[1]
    # The batch norm behind the head would whiten the components: half of that keeps the leading ones ahead.
    head.weight.copy_(directions[: head.out_features])
    norm = net.head[2]
    norm.weight.copy_((spread[: head.out_features] / spread[0]) ** 0.5)
    projected = every @ head.weight.T
    norm.running_mean.copy_(projected.mean(dim=0))
    norm.running_var.copy_(projected.var(dim=0))
    embedded = nn.functional.normalize(norm(projected))
    labels = torch.tensor([label for _, label in coins])
    classes, centres, dimensions = loss_of.weight.shape
    sums = torch.zeros(classes, dimensions).index_add_(0, labels, embedded)
    mean = nn.functional.normalize(sums)[:, None, :].expand(-1, centres, -1)
    loss_of.weight.copy_(mean + 0.02 * torch.randn(mean.shape))


@torch.no_grad()
def evaluate_retrieval(net: Embedder, retrieval: Retrieval, size: int) -> dict[str, float]:
    """Recall@k of plain cutouts by their true outline, float, exact search: {"1": …, "2": …, …}."""
    net.eval()

    def embed(coins: Sequence[CoinPicture]) -> NDArray[np.float32]:
        parts = []
        for start in range(0, len(coins), 64):
            pictures = np.stack([plain_view(coin, size=size) for coin in coins[start : start + 64]])
            parts.append(nn.functional.normalize(net.embed(to_input(pictures))).numpy())
        return np.concatenate(parts)

    similar = embed(retrieval.queries) @ embed(retrieval.catalog).T
    ranks: list[int | None] = []
    for row, query in zip(similar, retrieval.queries, strict=True):
        seen: list[str] = []
        for i in np.argsort(-row, kind="stable"):
            label = retrieval.catalog[int(i)].label
            if label not in seen:
                seen.append(label)
            if label == query.label:
                break
        ranks.append(len(seen) if query.label in seen else None)
    return {str(k): value for k, value in recall_at(ranks, RECALL_AT).items()}


def _sampling_weights(labels: Sequence[int]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(counts[inverse])
    return np.asarray(weight / weight.sum(), np.float64)
