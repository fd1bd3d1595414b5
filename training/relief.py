"""Training of the relief net: a coin's map is most like those of its class, whatever way the coin lies."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import IterableDataset, get_worker_info

from coindex.metrics import RECALL_AT, recall_at
from coindex.relief import LIMIT, PHASES, TURNS, net_input, unroll
from training.device import CPU, Device
from training.embedder import Retrieval
from training.judgement import Judgement, right_ranks
from training.loop import Reporter, Schedule, fit
from training.nets import Embedder, ReliefNet, to_input
from training.sources import CoinPicture
from training.views import ViewSettings, phone_view, plain_view

__all__ = ["ReliefSettings", "best_cosines", "pair_loss", "train_relief"]

JUDGED_AT_ONCE = 64

HELD_OUT_SEED = 20_211_027
"""Pairs from this seed are for the validation loss: of training classes, in views that no training step sees."""

LEAK = 0.02
"""Slope of the limit in training: a number beyond it must find its way back."""

SERIES = "synthetic|"
"""What the labels of invented coins begin with; those of one series differ behind their last `|`."""


@dataclass(frozen=True)
class ReliefSettings:
    """How the relief net is trained; each field is a key of the preset's `[relief]` table."""

    backbone: str
    sharpness: float
    epochs: int
    pairs_per_epoch: int
    batch: int
    late_rate: float
    head_rate: float
    weight_decay: float
    ema_decay: float
    neighbours: int
    harsh: float
    shares: dict[str, float]
    source_size: int


HARSH = ViewSettings(relight=0.6, blur=0.9, low_resolution=1.0, noise=1.0, jpeg=0.8)
"""Small, blurred and noisy, as a coin far off is: what maps are worst at."""

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8], int, int]
"""What the net sees of a query and of a reference, their class and its design."""

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Pairs as tensors: uint8 (n, 64, 304, 1) twice, int64 (n,) twice."""


class _Pairs(IterableDataset[Pair]):
    """An endless stream of pairs of one class, a class and those most like it one after the other.

    Of a class with several pictures, query and reference are of two.
    """

    def __init__(
        self,
        sources: Mapping[str, Mapping[int, Sequence[CoinPicture]]],
        designs: Sequence[int],
        near: Mapping[int, Sequence[int]],
        settings: ReliefSettings,
        seed: int,
    ) -> None:
        self._sources, self._designs, self._near = sources, designs, near
        self._settings, self._seed = settings, seed

    def __iter__(self) -> Iterator[Pair]:
        worker = get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        names = [name for name, classes in self._sources.items() if classes]
        shares = np.array([self._settings.shares[name] for name in names])
        of_class = {number: coins for classes in self._sources.values() for number, coins in classes.items()}
        numbers = {name: list(self._sources[name]) for name in names}
        while True:
            name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
            first = numbers[name][int(rng.integers(len(numbers[name])))]
            alike = list(rng.permutation(self._near.get(first, [])))[: self._settings.neighbours]
            for number in (first, *map(int, alike)):
                yield (*self._pair(of_class[number], rng), number, self._designs[number])

    def _pair(
        self, coins: Sequence[CoinPicture], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        query, reference = (coins[int(i)] for i in (rng.permutation(len(coins))[:2] if len(coins) > 1 else (0, 0)))
        view = HARSH if rng.random() < self._settings.harsh else ViewSettings()
        seen = phone_view(query, size=query.mask.shape[0], settings=view, rng=rng)
        return _seen(seen), _seen(plain_view(reference, size=reference.mask.shape[0]))


def train_relief(
    sources: Mapping[str, Sequence[CoinPicture]],
    retrievals: Sequence[Retrieval],
    settings: ReliefSettings,
    *,
    embedder: Embedder | None,
    run: Path,
    seed: int = 0,
    device: Device = CPU,
    workers: int = 1,
    report: Reporter | None = None,
) -> ReliefNet:
    """Train on `sources` (name → coins), begun from an `embedder`'s backbone; see `training.loop.fit`.

    Each query is to be more like its own reference than like those of the other classes of its batch, at the best turn
    (InfoNCE: van den Oord et al., 2018, equation 4). Classes of one design are no negatives of each other. The early
    stages stay as they are: four fifths of the time would go into them.

    Raises:
        TrainingError: If training cannot start or continue.
    """
    torch.manual_seed(seed)
    sources = {name: coins for name, coins in sources.items() if name in settings.shares}
    labels = sorted({coin.label for coins in sources.values() for coin in coins})
    number = {label: place for place, label in enumerate(labels)}
    design = {coin.label: coin.design for coins in sources.values() for coin in coins}
    design_number = {name: place for place, name in enumerate(sorted(set(design.values())))}
    designs = [design_number[design[label]] for label in labels]
    classes: dict[str, dict[int, list[CoinPicture]]] = {}
    for name, coins in sources.items():
        by_class: dict[int, list[CoinPicture]] = defaultdict(list)
        for coin in coins:
            by_class[number[coin.label]].append(coin)
        classes[name] = dict(by_class)
    net = ReliefNet(settings.backbone)
    if embedder is not None:
        net.begin_as(embedder.backbone)
        _start_from_features(net, [coin for coins in sources.values() for coin in coins][:: max(1, len(labels) // 200)])
    net = net.to(device.name).to(memory_format=torch.channels_last)
    series = _series(labels)
    held_out = list(islice(_Pairs(classes, designs, series, settings, HELD_OUT_SEED), settings.batch))

    def loss(batch: Batch) -> Tensor:
        return _loss_of(net, batch, settings)

    def judge(average: ReliefNet) -> Judgement:
        ranks = {each.name: _ranks(average, each) for each in retrievals}
        recalls = {name: {str(k): v for k, v in recall_at(r, RECALL_AT).items()} for name, r in ranks.items()}
        return Judgement({"validation_loss": _loss(average, held_out, settings), "recall": recalls, "cosine": {}})

    return fit(
        net,
        lambda epoch: _Pairs(classes, designs, series | _near(net, classes, designs), settings, seed + epoch),
        loss,
        judge,
        [list(net.late.parameters()), list(net.head.parameters())],
        Schedule(
            settings.epochs,
            settings.pairs_per_epoch // settings.batch,
            settings.batch,
            (settings.late_rate, settings.head_rate),
            settings.weight_decay,
            settings.ema_decay,
        ),
        run=run,
        device=device,
        workers=workers,
        report=report,
    )


def _loss_of(net: ReliefNet, batch: Batch, settings: ReliefSettings) -> Tensor:
    queries, references, labels, designs = batch
    place = next(net.parameters()).device
    pictures = to_input(torch.cat([queries, references]).numpy()).to(place)
    with torch.no_grad():
        details = net.details(pictures)
    cells = _leaky(net.cells(details).float())
    relief, maps = cells[: len(queries)], cells[len(queries) :, ..., ::PHASES]
    if net.training:
        maps = maps + (torch.rand_like(maps) - 0.5) / LIMIT  # as rounding to 4 bits will change them
    return pair_loss(best_cosines(relief, maps), labels.to(place), designs.to(place), settings.sharpness)


@torch.no_grad()
def _loss(net: ReliefNet, pairs: Sequence[Pair], settings: ReliefSettings) -> float:
    queries, references, labels, designs = zip(*pairs, strict=True)
    pictures = torch.from_numpy(np.stack(queries)), torch.from_numpy(np.stack(references))
    return float(_loss_of(net.eval(), (*pictures, torch.tensor(labels), torch.tensor(designs)), settings))


def best_cosines(relief: Tensor, maps: Tensor) -> Tensor:
    """Cosine (q, n) at the best turn of reliefs (q, 8, 8, 64) and maps (n, 8, 8, 32): what devices' scores round."""
    sparse = torch.zeros(*maps.shape[:3], TURNS, device=maps.device)
    sparse[..., ::PHASES] = maps
    a, b = (torch.fft.rfft(each.flatten(1, 2)) for each in (relief, sparse))
    sums = torch.fft.irfft(torch.einsum("qcf,ncf->qnf", a, b.conj()), n=TURNS).amax(dim=2)
    lengths = (relief.square().sum(dim=(1, 2, 3)) / PHASES).clamp_min(1e-6).sqrt()
    cosines: Tensor = sums / lengths[:, None] / maps.square().sum(dim=(1, 2, 3)).clamp_min(1e-6).sqrt()
    return cosines


def pair_loss(cosines: Tensor, labels: Tensor, designs: Tensor, sharpness: float) -> Tensor:
    """InfoNCE of cosines (n, n) of queries with references, each with its own on the diagonal; the others of its design
    (n,) or its class (n,) do not count."""
    own = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    alike = (designs[:, None] == designs[None, :]) | (labels[:, None] == labels[None, :])
    logits = (sharpness * cosines).masked_fill(alike & ~own, -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(labels), device=labels.device))


def _seen(cutout: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return net_input(unroll(cutout))


def _leaky(cells: Tensor) -> Tensor:
    limited = cells.clamp(-1, 1)
    return limited + LEAK * (cells - limited)


def _series(labels: Sequence[str]) -> dict[int, list[int]]:
    """The other values of each invented series."""
    of_series: dict[str, list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        if label.startswith(SERIES):
            of_series[label.rsplit("|", 1)[0]].append(number)
    return {number: [other for other in all_ if other != number] for all_ in of_series.values() for number in all_}


def _near(
    net: ReliefNet, classes: Mapping[str, Mapping[int, Sequence[CoinPicture]]], designs: Sequence[int], count: int = 6
) -> dict[int, list[int]]:
    """Of each class with several pictures, the classes of other designs whose maps are most like its own, by `net`."""
    shown = {
        number: coins[0] for of_source in classes.values() for number, coins in of_source.items() if len(coins) > 3
    }
    if not shown:
        return {}
    numbers = list(shown)
    cells = _cells(net, list(shown.values()))
    cosines = best_cosines(cells, cells[..., ::PHASES])
    kinds = torch.tensor([designs[number] for number in numbers])
    cosines[kinds[:, None] == kinds[None, :]] = -1
    order = cosines.argsort(dim=1, descending=True)[:, :count].tolist()
    return {number: [numbers[place] for place in places] for number, places in zip(numbers, order, strict=True)}


def _ranks(net: ReliefNet, retrieval: Retrieval) -> list[int | None]:
    queries, catalog = (_cells(net, coins) for coins in (retrieval.queries, retrieval.catalog))
    cosines = best_cosines(queries, (catalog[..., ::PHASES] * LIMIT).round())
    return right_ranks(cosines.numpy(), retrieval.queries, retrieval.catalog)


@torch.no_grad()
def _cells(net: ReliefNet, coins: Sequence[CoinPicture]) -> Tensor:
    """What the net makes of the coins' plain views (n, 8, 8, 64), on the CPU."""
    training, place = net.training, next(net.parameters()).device
    net.eval()
    parts = []
    for start in range(0, len(coins), JUDGED_AT_ONCE):
        pictures = [_seen(plain_view(c, size=c.mask.shape[0])) for c in coins[start : start + JUDGED_AT_ONCE]]
        parts.append(net(to_input(np.stack(pictures)).to(place)).cpu())
    net.train(training)
    return torch.cat(parts)


@torch.no_grad()
def _start_from_features(net: ReliefNet, coins: Sequence[CoinPicture]) -> None:
    """Start the head at the principal components of the late stage's features, half whitened: two standard deviations
    of the strongest fill the range. Without any training that named `phone` as well as training since."""
    net.eval()
    pictures = np.stack([_seen(plain_view(coin, size=coin.mask.shape[0])) for coin in coins])
    features = torch.cat([net.late(net.details(to_input(pictures[n : n + 1]))) for n in range(len(pictures))])
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    mean = flat.mean(dim=0)
    _, spread, directions = torch.linalg.svd(flat - mean, full_matrices=False)
    deviation = spread / len(flat) ** 0.5
    channels = net.head.out_channels
    scale = 2 * (deviation[:channels] * deviation[0]).sqrt()
    net.head.weight.copy_((directions[:channels] / scale[:, None])[..., None, None])
    assert isinstance(net.head.bias, nn.Parameter)
    net.head.bias.copy_(-net.head.weight[..., 0, 0] @ mean)
