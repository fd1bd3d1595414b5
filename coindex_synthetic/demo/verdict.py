"""Whether an answer is right, given the truth about the photo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coindex.catalog import CoinRecord
from coindex.cutout import Box
from coindex.metrics import match_boxes
from coindex.recognizer import Answer, RecognizedCoin
from coindex_synthetic.demo.photos import Sample, TrueCoin

__all__ = ["CoinVerdict", "Verdict", "judge"]


@dataclass(frozen=True)
class CoinVerdict:
    """Whether what was said of a find is right, and the truth in words; a `stray` find is none of the photo's coins."""

    right: bool
    truth: str
    stray: bool = False


@dataclass(frozen=True)
class Verdict:
    """A verdict on each coin of the answer, in its order, and the coins of the catalogue that it does not speak of."""

    coins: tuple[CoinVerdict, ...]
    missed: tuple[TrueCoin, ...]

    @property
    def right(self) -> bool:
        """Whether everything said is right and nothing is left out."""
        return not self.missed and all(coin.right for coin in self.coins)


def judge(sample: Sample, answer: Answer, records: Mapping[int, CoinRecord]) -> Verdict:
    """Compare an answer with the truth, coin by coin where their boxes overlap by half.

    A coin of the catalogue must be named, with its side. Of anything else, stray finds included, the right answer is
    that it is not in the catalogue, or none at all.
    """
    pairs = match_boxes(_boxes([coin.box for coin in answer.coins]), _boxes([coin.box for coin in sample.coins]))
    true_of = {found: sample.coins[true] for found, true, _ in pairs}
    verdicts = [_coin(coin, true_of.get(number), records) for number, coin in enumerate(answer.coins)]
    spoken_of = {id(true) for true in true_of.values()}
    missed = [coin for coin in sample.coins if coin.label is not None and id(coin) not in spoken_of]
    return Verdict(tuple(verdicts), tuple(missed))


def _coin(coin: RecognizedCoin, true: TrueCoin | None, records: Mapping[int, CoinRecord]) -> CoinVerdict:
    if true is None:
        return CoinVerdict(not coin.known, "no coin", stray=True)
    if true.label is None:
        return CoinVerdict(not coin.known, f"{true.name}, which is not in the catalogue")
    first = coin.candidates[0]
    named = coin.known and records[first.coin].label == true.label
    return CoinVerdict(named, true.name)


def _boxes(boxes: Sequence[Box]) -> NDArray[np.float64]:
    return np.array([[box.x, box.y, box.width, box.height] for box in boxes], np.float64).reshape(-1, 4)
