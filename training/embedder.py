"""Training of the embedder: coins that look alike come to lie close, all others apart."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import IterableDataset, get_worker_info

from coindex.codes import DIMENSIONS
from coindex.metrics import RECALL_AT, recall_at
from training.device import CPU, Device
from training.judgement import Judgement, RetrievalJudgement, judge_retrieval, right_ranks
from training.loop import STATE, Reporter, Schedule, fit
from training.losses import SubCentreArcFace
from training.nets import Embedder, fill_backbone, fill_net, to_input
from training.rgb_views import allows_flip, plain_rgb_view, rgb_view
from training.sources import CoinPicture
from training.views import ViewSettings, phone_view, plain_view

__all__ = ["EmbedderSettings", "Retrieval", "evaluate_retrieval", "train_embedder"]

EVALUATION_BATCH = 64

HELD_OUT_VIEWS = 256
HELD_OUT_SEED = 20_211_027
"""Views from this seed are for the validation loss: of training classes, since ArcFace knows no others."""

CENTRE_SPREAD = 0.02
"""Noise that tells the centres of a class apart at the start."""

COINS_OF_CLASS = 2
"""So many coins of a class say where its centres start."""

PICTURES = ("contrast", "rgb")
"""What an embedder may be shown: the local contrast that devices cut out, or the RGB coin on black of the article."""


@dataclass(frozen=True)
class EmbedderSettings:
    """What an embedder is and how it is trained; each field is a key of the preset's `[embedder]` table."""

    backbone: str
    side: int
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
    early_epochs: int = 0
    """Epochs that train on smaller pictures first, of `early_side` pixels."""
    early_side: int = 0
    head: str = "normed"
    """What stands behind the backbone, one of `training.nets.HEADS`."""
    picture: str = "contrast"
    """What the embedder is shown, one of `PICTURES`."""
    held_stages: int = 0
    """Stages of the backbone, from the first, that stay as they are: with three of them held, a step takes a third of
    the time."""
    free_epochs: int = 0
    """Epochs in which they learn as well, first, where training begins from a backbone's weights."""
    designs_apart: bool = False
    """Whether classes of one design are pushed apart like any others, as plain ArcFace does."""

    def __post_init__(self) -> None:
        if self.picture not in PICTURES:
            raise ValueError(f"picture {self.picture!r} is none of {', '.join(PICTURES)}")


@dataclass(frozen=True)
class Retrieval:
    """A catalogue and queries of classes that training does not see."""

    name: str
    catalog: tuple[CoinPicture, ...]
    queries: tuple[CoinPicture, ...]


class _Views(IterableDataset[tuple[NDArray[np.uint8], int]]):
    """An endless stream of (view, class), sources drawn by share and classes of a source evenly by square root."""

    def __init__(
        self, sources: Mapping[str, Sequence[tuple[CoinPicture, int]]], settings: EmbedderSettings, size: int, seed: int
    ) -> None:
        self._sources, self._settings, self._size, self._seed = sources, settings, size, seed

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], int]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        names = [name for name, coins in self._sources.items() if coins]
        shares = np.array([self._settings.shares[name] for name in names])
        weights = {name: _sampling_weights([label for _, label in self._sources[name]]) for name in names}
        view = ViewSettings()
        flips: dict[int, bool] = {}  # by the coin's identity: they outlive this stream
        while True:
            name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
            coin, label = self._sources[name][int(rng.choice(len(weights[name]), p=weights[name]))]
            if self._settings.picture == "contrast":
                yield phone_view(coin, size=self._size, settings=view, rng=rng), label
            else:
                if id(coin) not in flips:
                    flips[id(coin)] = allows_flip(coin)
                yield rgb_view(coin, size=self._size, flips=flips[id(coin)], rng=rng), label


def train_embedder(
    sources: Mapping[str, Sequence[CoinPicture]],
    retrievals: Sequence[Retrieval],
    settings: EmbedderSettings,
    *,
    weights: Mapping[str, torch.Tensor] | None,
    run: Path,
    begin: Embedder | None = None,
    seed: int = 0,
    device: Device = CPU,
    workers: int = 1,
    report: Reporter | None = None,
) -> Embedder:
    """Train on `sources` (name → coins), judge on `retrievals` after each epoch; see `training.loop.fit`.

    Training begins from the whole net `begin` where it is given, else from the backbone's `weights`. The validation
    loss is that of `HELD_OUT_VIEWS` views of training coins which no training step sees.

    Raises:
        TrainingError: If `begin` has another architecture than the settings, or training cannot start or continue.
    """
    torch.manual_seed(seed)
    sources = {name: coins for name, coins in sources.items() if name in settings.shares}
    labels = sorted({coin.label for coins in sources.values() for coin in coins})
    number = {label: i for i, label in enumerate(labels)}
    numbered = {name: [(coin, number[coin.label]) for coin in coins] for name, coins in sources.items()}
    design = {
        coin.label: coin.label if settings.designs_apart else coin.design
        for coins in sources.values()
        for coin in coins
    }
    design_number = {name: i for i, name in enumerate(sorted(set(design.values())))}
    net = Embedder(settings.backbone, side=settings.side, dropout=settings.dropout, head=settings.head)
    loss_of = SubCentreArcFace(
        len(labels),
        torch.tensor([design_number[design[label]] for label in labels]),
        dimensions=DIMENSIONS,
        margin=settings.margin,
        scale=settings.scale,
        centres=settings.centres,
    )
    net, loss_of = net.to(device.name), loss_of.to(device.name)
    free_epochs = settings.free_epochs if begin is None else 0
    if not (run / STATE).exists():  # which has all weights of a run that goes on
        _start(net, loss_of, [pair for coins in numbered.values() for pair in coins], begin, weights, settings)
    net = net.to(memory_format=torch.channels_last)

    views = min(HELD_OUT_VIEWS, settings.views_per_epoch)
    held_out = list(islice(_Views(numbered, settings, net.side, HELD_OUT_SEED), views))

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        pictures, target = batch
        with device.autocast():
            embeddings = net.embed(to_input(pictures.numpy()).to(device.name))
        result: torch.Tensor = loss_of(embeddings.float(), target.to(device.name))
        return result

    def judge(average: Embedder) -> Judgement:
        judged = tuple(_judge(average, retrieval, settings.picture) for retrieval in retrievals)
        figures = {
            "validation_loss": _validation_loss(average, loss_of, held_out),
            "recall": {each.name: each.recall for each in judged},
            "cosine": {each.name: each.cosine for each in judged},
        }
        return Judgement(figures, judged)

    def examples(epoch: int) -> _Views:
        if epoch >= free_epochs:
            net.hold(settings.held_stages)
        early = epoch < settings.early_epochs
        return _Views(numbered, settings, settings.early_side if early else net.side, seed + epoch)

    return fit(
        net,
        examples,
        loss,
        judge,
        [list(net.backbone.parameters()), [*net.head.parameters(), *loss_of.parameters()]],
        Schedule(
            settings.epochs,
            settings.views_per_epoch // settings.batch,
            settings.batch,
            (settings.backbone_rate, settings.head_rate),
            settings.weight_decay,
            settings.ema_decay,
        ),
        run=run,
        extra=loss_of,
        device=device,
        workers=workers,
        report=report,
    )


def evaluate_retrieval(net: Embedder, retrieval: Retrieval, *, picture: str = "contrast") -> dict[str, float]:
    """Recall@k of plain cutouts by their true outline, float, exact search: {"1": …, "2": …, …}."""
    similar = _embedded(net, retrieval.queries, picture) @ _embedded(net, retrieval.catalog, picture).T
    ranks = right_ranks(similar, retrieval.queries, retrieval.catalog)
    return {str(k): value for k, value in recall_at(ranks, RECALL_AT).items()}


def _judge(net: Embedder, retrieval: Retrieval, picture: str) -> RetrievalJudgement:
    queries, catalog = (_embedded(net, coins, picture) for coins in (retrieval.queries, retrieval.catalog))
    view = plain_view if picture == "contrast" else plain_rgb_view
    return judge_retrieval(retrieval.name, retrieval.queries, retrieval.catalog, queries, catalog, view=view)


@torch.no_grad()
def _embedded(net: Embedder, coins: Sequence[CoinPicture], picture: str) -> NDArray[np.float32]:
    """Embeddings (n, 64) of length 1 of the coins' plain views."""
    net.eval()
    plain = plain_view if picture == "contrast" else plain_rgb_view
    parts = []
    for start in range(0, len(coins), EVALUATION_BATCH):
        batch = coins[start : start + EVALUATION_BATCH]
        pictures = np.stack([plain(coin, size=net.side) for coin in batch])
        parts.append(nn.functional.normalize(net.embed(to_input(pictures).to(_place(net)))).cpu().numpy())
    return np.concatenate(parts)


@torch.no_grad()
def _validation_loss(net: Embedder, loss_of: nn.Module, views: Sequence[tuple[NDArray[np.uint8], int]]) -> float:
    net.eval()
    total = 0.0
    for start in range(0, len(views), EVALUATION_BATCH):
        pictures, labels = zip(*views[start : start + EVALUATION_BATCH], strict=True)
        embeddings = net.embed(to_input(np.stack(pictures)).to(_place(net)))
        total += len(labels) * float(loss_of(embeddings, torch.tensor(labels, device=embeddings.device)))
    return total / len(views)


def _place(net: nn.Module) -> torch.device:
    return next(net.parameters()).device


def _start(
    net: Embedder,
    loss_of: SubCentreArcFace,
    coins: Sequence[tuple[CoinPicture, int]],
    begin: Embedder | None,
    weights: Mapping[str, torch.Tensor] | None,
    settings: EmbedderSettings,
) -> None:
    """Fill the net from `begin` or a backbone's `weights`, and the loss's centres from what it makes of the coins."""
    if begin is not None:
        fill_net(net, begin)
    elif weights is not None:
        fill_backbone(net.backbone, weights, settings.backbone)
    if settings.head == "normed" and (begin is not None or weights is not None):
        some = _some_of_each(coins)
        features = _features(net, some)
        if begin is None:
            _start_head(net, features)
        _start_centres(loss_of, _head(net, features), some)


def _some_of_each(coins: Sequence[tuple[CoinPicture, int]]) -> list[tuple[CoinPicture, int]]:
    """The first `COINS_OF_CLASS` coins of each class: a mean needs no more, and a large set would take minutes."""
    seen: Counter[int] = Counter()
    some = []
    for coin, label in coins:
        seen[label] += 1
        if seen[label] <= COINS_OF_CLASS:
            some.append((coin, label))
    return some


@torch.no_grad()
def _features(net: Embedder, coins: Sequence[tuple[CoinPicture, int]]) -> torch.Tensor:
    """The backbone's features (n, channels) of the coins' plain views."""
    net.eval()
    features = []
    for start in range(0, len(coins), EVALUATION_BATCH):
        pictures = [plain_view(coin, size=net.side) for coin, _ in coins[start : start + EVALUATION_BATCH]]
        features.append(net.features(to_input(np.stack(pictures)).to(_place(net))))
    return torch.cat(features)


@torch.no_grad()
def _head(net: Embedder, features: torch.Tensor) -> torch.Tensor:
    """Embeddings (n, 64) of length 1 of features (n, channels)."""
    net.eval()
    return nn.functional.normalize(net.norm(net.projection(features)))


@torch.no_grad()
def _start_head(net: Embedder, features: torch.Tensor) -> None:
    """Start the head at the principal components of the pretrained features.

    From a random head the first epochs would unlearn what the backbone knows before the head has learnt to use it:
    after one epoch, recall@1 on `val` fell from 0.78 to 0.22.
    """
    norm = net.norm
    assert isinstance(norm, nn.BatchNorm1d) and norm.running_mean is not None and norm.running_var is not None
    _, spread, directions = torch.linalg.svd(features - features.mean(dim=0), full_matrices=False)
    net.projection.weight.copy_(directions[:DIMENSIONS])
    # Batch norm alone would whiten the components: its root keeps the leading ones ahead.
    norm.weight.copy_((spread[:DIMENSIONS] / spread[0]) ** 0.5)
    projected = net.projection(features)
    norm.running_mean.copy_(projected.mean(dim=0))
    norm.running_var.copy_(projected.var(dim=0))


@torch.no_grad()
def _start_centres(loss_of: SubCentreArcFace, embedded: torch.Tensor, coins: Sequence[tuple[CoinPicture, int]]) -> None:
    """Start the centres of each class at the mean of its coins' embeddings (n, 64)."""
    classes, centres, dimensions = loss_of.weight.shape
    labels = torch.tensor([label for _, label in coins], device=embedded.device)
    sums = torch.zeros(classes, dimensions, device=embedded.device).index_add_(0, labels, embedded)
    mean = nn.functional.normalize(sums)[:, None, :].expand(-1, centres, -1)
    loss_of.weight.copy_(mean + CENTRE_SPREAD * torch.randn(mean.shape).to(mean.device))


def _sampling_weights(labels: Sequence[int]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(counts[inverse])
    return np.asarray(weight / weight.sum(), np.float64)
