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
from coindex.demo.photos import Sample
from coindex.demo.verdict import CoinVerdict, Verdict
from coindex.recognizer import Answer, Candidate, RecognizedCoin
from coindex.sync import SyncReport

__all__ = ["Result", "Run", "page"]

SHOWN_PIXELS = 1100
"""Longer side of a photo on the page: sharp on a screen of two pixels a point."""

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
        refused = sum(coin.stray and coin.right for result in self.results for coin in result.verdict.coins)
        strays = f"; refused, and no coin: {refused}" if refused else ""
        return f"{self.right} of {len(self.results)} photos right{strays}"


def page(run: Run, *, command: str) -> str:
    """The HTML of a run; `command` is shown as the way to ask about another photo."""
    results = list(enumerate(run.results, start=1))
    return Template(_resource("page.html")).substitute(
        style=_resource("page.css").strip(),
        headline=f"{run.right} of {len(run.results)} photos right",
        facts="\n".join(_facts(run)),
        chips="\n".join(_chip(number, result) for number, result in results),
        cards="\n".join(_card(number, result, run.catalog) for number, result in results),
        command=escape(command),
    )


def _facts(run: Run) -> list[str]:
    manifest = run.catalog.manifest
    stages = [sum(result.answer.timings_ms.values()) for result in run.results]
    facts = (
        ("Catalogue", f"release {manifest.version}, {manifest.classes} coin sides, {manifest.rows} photos"),
        ("Fetched", f"{run.sync.bytes_downloaded / 1e6:.1f} MB with the models, from {escape(run.address)}"),
        ("Server", "stopped before the first photo, nothing answers there"),
        ("A photo takes", f"{np.median(stages):.0f} ms (median), {max(stages):.0f} ms at most, on one thread"),
    )
    wide = (("State hash", manifest.state_hash), ("Embedding space", manifest.space_id))
    return [
        *(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts),
        *(f'<div class="wide"><dt>{name}</dt><dd><code>{value}</code></dd></div>' for name, value in wide),
    ]


def _chip(number: int, result: Result) -> str:
    return f'<a href="#photo-{number}">{number} {_mark(result.verdict.right)}</a>'


def _card(number: int, result: Result, catalog: LocalCatalog) -> str:
    sample, answer, verdict = result.sample, result.answer, result.verdict
    with Image.open(sample.path) as photo:
        width, height = photo.size
        photo.thumbnail((SHOWN_PIXELS, SHOWN_PIXELS))
        picture = _data_uri(photo)
    pairs = enumerate(zip(answer.coins, verdict.coins, strict=True), start=1)
    coins: list[str] = []
    strays: list[str] = []
    alone = sum(not coin.stray for coin in verdict.coins) <= 1
    for place, (coin, said) in pairs:
        stray = said.stray and said.right and len(answer.coins) > 1
        (strays if stray else coins).append(_coin(place, coin, said, catalog, alone=alone and not stray))
    coins += [
        f'<section class="coin"><p class="none wrong">Not found: {escape(coin.name)}</p></section>'
        for coin in verdict.missed
    ]
    if strays:
        summary = f"<summary>Refused, and no coin: {len(strays)}</summary>"
        coins.append(f'<details class="coin strays">{summary}{"".join(strays)}</details>')
    outlines = "".join(_outline(place, coin) for place, coin in enumerate(answer.coins, start=1))
    truth = ", ".join(f"{coin.name}, which is not in the catalogue" for coin in sample.coins) or "no coin"
    nothing = f'<section class="coin"><p class="none">No coin found. {_truth(True, truth)}</p></section>'
    return f"""<article class="photo{" wide-photo" if len(coins) - bool(strays) > 2 else ""}" id="photo-{number}">
<header><span class="number">{number}</span><h2>{escape(sample.caption)}</h2>{_mark(verdict.right, words=True)}</header>
<div class="body">
<figure>
<div class="shot"><img src="{picture}" width="{width}" height="{height}" alt="{escape(sample.caption)}">
<svg viewBox="0 0 {width} {height}" aria-hidden="true">{outlines}</svg></div>
<figcaption>{_timings(answer)}</figcaption>
</figure>
<div class="coins">
{"".join(coins) or nothing}
</div>
</div>
</article>"""


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
    measures = (
        ("confidence", f"{coin.confidence:.0%}"),
        ("distance", f"{best.distance:,}"),
        ("similarity", f"{best.similarity:.3f}"),
    )
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in measures)
    return f"""<section class="coin{" alone" if alone else ""}">
<div class="answer">
<div class="pair">
<figure><img src="{_data_uri(seen)}" alt="Coin {number} as cut out of the photo">
<figcaption>coin {number}</figcaption></figure>
<figure>{_thumbnail(best, catalog)}<figcaption>{"catalogue" if coin.known else "nearest"}</figcaption></figure>
</div>
<div>{said}</div>
</div>
<dl class="measures">{listed}</dl>
<p class="truth">{_truth(verdict.right, verdict.truth)}</p>
<details{" open" if alone else ""}><summary>{len(others)} further candidates</summary>
<ol class="rest">{rest}</ol></details>
</section>
"""


def _thumbnail(candidate: Candidate, catalog: LocalCatalog) -> str:
    picture = catalog.thumbnail(candidate.row_id)
    name = escape(f"{candidate.name}, {candidate.side}, in the catalogue")
    return f'<img src="{_webp_uri(picture)}" alt="{name}">' if picture else ""


def _truth(right: bool, truth: str) -> str:
    return f"{_mark(right)} <span>In truth: {escape(truth)}.</span>"


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
    return Path(str(files("coindex.demo") / name)).read_text("utf-8")
