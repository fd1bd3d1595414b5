"""The demonstration as one page that needs nothing beside it: pictures and style are inside."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coindex.catalog import LocalCatalog
from coindex.recognizer import Answer, Candidate, RecognizedCoin
from coindex.sync import SyncReport
from coindex_synthetic.demo.photos import Sample
from coindex_synthetic.demo.verdict import CoinVerdict, Verdict

__all__ = ["Result", "Run", "page"]

SHOWN_PIXELS = 1100
"""Longer side of a photo on the page: sharp on a screen of two pixels a point."""

LISTED_PIXELS = 288
"""Longer side of a photo in the list."""

LISTED_RATIO = 3 / 4
"""Height of its frame by its width."""

COIN_PIXELS = 192
QUALITY = 80

OUTLINE_SLACK = 1.5
"""Pixels of the photo that a drawn outline may stray from the coin's edge, for a tenth of the points."""


@dataclass(frozen=True, eq=False)
class Result:
    """A sample photo, what the device said of it, and whether that is right."""

    sample: Sample
    answer: Answer
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Run:
    """A whole demonstration: the device's catalogue, what fetching it took, where from, and the results."""

    catalog: LocalCatalog
    sync: SyncReport
    address: str
    results: Sequence[Result]

    @property
    def right(self) -> int:
        """How many photos were answered without a mistake."""
        return sum(result.verdict.right for result in self.results)

    @property
    def summary(self) -> str:
        """The outcome in a line."""
        rejected = sum(rejections(result.verdict) for result in self.results)
        return f"{self.right} of {len(self.results)} photos right{f'; {rejection(rejected)}' if rejected else ''}"


def rejections(verdict: Verdict) -> int:
    """How many finds of a photo are no coins and were rightly not named."""
    return sum(coin.stray and coin.right for coin in verdict.coins)


def rejection(count: int) -> str:
    """Such finds in words."""
    return "rejected 1 thing that is no coin" if count == 1 else f"rejected {count} things that are no coins"


def page(run: Run, *, ask: str, serve: str) -> str:
    """The HTML of a run.

    Args:
        run: What was done, and what came of it.
        ask: The command that asks the same device about another photo.
        serve: The command that serves the phone app with the same catalogue.
    """
    (first, *others) = enumerate(run.results, start=1)
    return Template(_resource("page.html")).substitute(
        style=_resource("page.css").strip(),
        headline=f"{run.right} of {len(run.results)} photos right",
        first=_first(*first, run.catalog),
        cards="\n".join(_card(number, result, run.catalog) for number, result in others),
        facts="\n".join(_facts(run)),
        address=escape(run.address),
        ask=escape(ask),
        serve=escape(serve),
    )


def _facts(run: Run) -> list[str]:
    manifest = run.catalog.manifest
    stages = [sum(result.answer.timings_ms.values()) for result in run.results]
    facts = (
        ("Catalogue", f"release {manifest.version}, {manifest.classes} coin sides, {manifest.rows} photos"),
        ("Downloaded", f"{run.sync.bytes_downloaded / 1e6:.1f} MB with the models, from {escape(run.address)}"),
        ("One photo takes", f"{np.median(stages):.0f} ms (median), {max(stages):.0f} ms at most, on one thread"),
        ("State hash, which names the catalogue's content", f"<code>{manifest.state_hash}</code>"),
        ("Embedding space, which names the models", f"<code>{manifest.space_id}</code>"),
    )
    return [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts]


def _first(number: int, result: Result, catalog: LocalCatalog) -> str:
    """The photo that the page begins with, its answer in full."""
    return f"""<section class="photo first" id="photo-{number}">
<header><h2>{escape(result.sample.caption)}</h2>{_mark(result.verdict.right, words=True)}</header>
{_body(result, catalog)}
</section>"""


def _card(number: int, result: Result, catalog: LocalCatalog) -> str:
    """A photo of the list: small, and in full once it is opened."""
    with Image.open(result.sample.path) as photo:
        photo.thumbnail((LISTED_PIXELS, LISTED_PIXELS))
        picture = _data_uri(photo)
    return f"""<details class="photo" id="photo-{number}">
<summary><img class="small" src="{picture}" alt="" style="object-position: 50% {_focus(result):.0%}">
<div><h3>{escape(result.sample.caption)}</h3><ul class="named">{"".join(_named(result))}</ul></div>
</summary>
{_body(result, catalog)}
</details>"""


def _named(result: Result) -> list[str]:
    """The answer in a line for each coin."""
    lines = [
        f"<li>{_mark(said.right)} {_name(coin)}</li>"
        for coin, said in zip(result.answer.coins, result.verdict.coins, strict=True)
        if not (said.stray and said.right)
    ]
    lines += [f"<li>{_mark(False)} Not found: {escape(coin.name)}</li>" for coin in result.verdict.missed]
    count = rejections(result.verdict)
    lines += [f"<li>{_mark(True)} {rejection(count).capitalize()}</li>"] if count else []
    return lines or [f"<li>{_mark(True)} No coin</li>"]


def _name(coin: RecognizedCoin) -> str:
    best = coin.candidates[0]
    return f"{escape(best.name)}<small>, {best.side}</small>" if coin.known else "Not in this catalogue"


def _focus(result: Result) -> float:
    """Which part of a tall photo the list's wide frame shows, so that it holds the largest coin: 0 the top, 1 the
    bottom, as CSS's `object-position` counts."""
    if not result.answer.coins:
        return 0.5
    box = result.answer.coins[0].box
    with Image.open(result.sample.path) as photo:
        width, height = photo.size
    hidden = height - width * LISTED_RATIO
    if hidden <= 0:
        return 0.5
    return float(np.clip((box.y + box.height / 2 - width * LISTED_RATIO / 2) / hidden, 0, 1))


def _body(result: Result, catalog: LocalCatalog) -> str:
    sample, answer, verdict = result.sample, result.answer, result.verdict
    with Image.open(sample.path) as photo:
        width, height = photo.size
        photo.thumbnail((SHOWN_PIXELS, SHOWN_PIXELS))
        picture = _data_uri(photo)
    coins: list[str] = []
    strays: list[str] = []
    alone = sum(not coin.stray for coin in verdict.coins) <= 1
    for place, (coin, said) in enumerate(zip(answer.coins, verdict.coins, strict=True), start=1):
        stray = said.stray and said.right and len(answer.coins) > 1
        (strays if stray else coins).append(_coin(place, coin, said, catalog, alone=alone and not stray))
    coins += [
        f'<section class="coin"><p class="none wrong">Not found: {escape(coin.name)}</p></section>'
        for coin in verdict.missed
    ]
    if strays:
        summary = f"<summary>{rejection(len(strays)).capitalize()}</summary>"
        coins.append(f'<details class="coin strays">{summary}{"".join(strays)}</details>')
    outlines = "".join(_outline(place, coin) for place, coin in enumerate(answer.coins, start=1))
    truth = ", ".join(f"{coin.name}, which is not in the catalogue" for coin in sample.coins) or "no coin"
    nothing = f'<section class="coin"><p class="none">No coin found. {_truth(True, truth)}</p></section>'
    many = " many" if len(coins) - bool(strays) > 2 else ""
    return f"""<div class="body{many}" style="--ratio: {width / height:.3f}">
<figure>
<div class="shot"><img src="{picture}" width="{width}" height="{height}" alt="{escape(sample.caption)}">
<svg viewBox="0 0 {width} {height}" aria-hidden="true">{outlines}</svg></div>
</figure>
<div class="coins">
{"".join(coins) or nothing}
<details class="times"><summary>Time of each step</summary>{_timings(answer)}</details>
</div>
</div>"""


def _coin(number: int, coin: RecognizedCoin, verdict: CoinVerdict, catalog: LocalCatalog, *, alone: bool) -> str:
    best, *others = coin.candidates
    if coin.known:
        said = f'<p class="said">{escape(best.name)}</p><p class="side">{best.side}</p>'
    else:
        said = '<p class="said refused">Not in this catalogue</p>'
        said += f'<p class="side">The nearest is {escape(best.name)}, {best.side}.</p>'
    seen = Image.fromarray(coin.encoded.picture).resize((COIN_PIXELS, COIN_PIXELS))
    rest = "".join(
        f"<li>{_thumbnail(other, catalog)}<b>{escape(other.name)}, {other.side}</b>"
        f"<span>distance {other.distance:,}, similarity {other.similarity:.3f}</span></li>"
        for other in others
    )
    measures = (("Distance", f"{best.distance:,}"), ("Similarity", f"{best.similarity:.3f}"))
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in measures)
    sure = f'<p class="sure">Confidence {coin.confidence:.0%}</p>' if coin.known else ""
    return f"""<section class="coin{" alone" if alone else ""}">
<div class="answer">
<div class="pair">
<figure><img src="{_data_uri(seen)}" alt="Coin {number} as cut out of the photo">
<figcaption>coin {number}</figcaption></figure>
<figure>{_thumbnail(best, catalog)}<figcaption>{"catalogue" if coin.known else "nearest"}</figcaption></figure>
</div>
<div>{said}{sure}</div>
</div>
<p class="truth">{_truth(verdict.right, verdict.truth)}</p>
<details><summary>Technical values and {len(others)} further candidates</summary>
<dl class="measures">{listed}</dl>
<ol class="rest">{rest}</ol></details>
</section>
"""


def _thumbnail(candidate: Candidate, catalog: LocalCatalog) -> str:
    picture = catalog.thumbnail(candidate.row_id)
    name = escape(f"{candidate.name}, {candidate.side}, in the catalogue")
    return f'<img src="{_webp_uri(picture)}" alt="{name}">' if picture else ""


def _truth(right: bool, truth: str) -> str:
    return f"{_mark(right)} <span>The photo shows: {escape(truth)}.</span>"


def _mark(right: bool, *, words: bool = False) -> str:
    name = "right" if right else "wrong"
    shown = f"{'✓' if right else '✗'} {name}" if words else "✓" if right else "✗"
    return f'<span class="{name}" aria-label="{name}">{shown}</span>'


def _outline(number: int, coin: RecognizedCoin) -> str:
    points = simplified(coin.encoded.outline)
    corners = " ".join(f"{x},{y}" for x, y in points.tolist())
    x, y = coin.box.x + coin.box.width / 2, coin.box.y + coin.box.height / 2
    kind = "known" if coin.known else "unknown"
    return f'<g class="{kind}"><polygon points="{corners}"/><text x="{x:.0f}" y="{y:.0f}">{number}</text></g>'


def simplified(outline: NDArray[np.int32]) -> NDArray[np.int32]:
    """An outline int32 (n, 2) with fewer points, no further off than `OUTLINE_SLACK`."""
    return np.asarray(cv2.approxPolyDP(outline[:, None], OUTLINE_SLACK, True), np.int32).reshape(-1, 2)


def _timings(answer: Answer) -> str:
    total = sum(answer.timings_ms.values())
    bar = "".join(
        f'<i class="s{stage}" style="width:{100 * taken / max(total, 1e-9):.2f}%"></i>'
        for stage, taken in enumerate(answer.timings_ms.values())
    )
    stages = "".join(
        f'<li><i class="s{stage}"></i>{name} {taken:.1f} ms</li>'
        for stage, (name, taken) in enumerate(answer.timings_ms.items())
    )
    return f'{total:.0f} ms<div class="bar">{bar}</div><ul class="stages">{stages}</ul>'


def _data_uri(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "WEBP", quality=QUALITY)
    return _webp_uri(out.getvalue())


def _webp_uri(data: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _resource(name: str) -> str:
    return Path(str(files("coindex_synthetic.demo") / name)).read_text("utf-8")
