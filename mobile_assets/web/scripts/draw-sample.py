"""Makes the sample answer of the first visit: a drawn photo, and what the app itself answers to it.

    python mobile_assets/web/scripts/draw-sample.py

Writes `public/sample.webp` and `src/app/sample.ts`. Needs Chromium and the built app.
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

WEB = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(WEB.parents[1] / "benchmarks"))

from PIL import Image  # noqa: E402
from support.app_browser import AppServer, phone  # noqa: E402

from catalog_server.curation.encoding import keep_models, live_encoders  # noqa: E402
from catalog_server.curation.importer import import_photos  # noqa: E402
from catalog_server.publishing.publish import publish  # noqa: E402
from catalog_server.store import open_store  # noqa: E402
from coindex.manifest import read_manifest  # noqa: E402
from coindex.models import DEFAULT_FOLDER  # noqa: E402
from coindex_synthetic import EVALUATION_SEVERITY, write_catalogue, write_scenes  # noqa: E402

SEED = 3
TYPES = 5
WIDTH = 320
"""Twice what a phone shows of it."""

CALM = replace(EVALUATION_SEVERITY, coin_width=(0.45, 0.5), tilt=6.0, brightness=(0.95, 1.1), colour_cast=0.02)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_catalogue(folder / "catalogue", types=TYPES, seed=SEED, size=320)
        write_scenes(
            folder / "one", types=TYPES, scenes=1, width=960, height=960, coins_per_scene=1, seed=SEED, settings=CALM
        )
        store = open_store(folder / "store", create=True)
        encoders = live_encoders(store, DEFAULT_FOLDER)
        space_id, encode = next(iter(encoders.items()))
        read = read_manifest(folder / "catalogue" / "manifest.csv")
        import_photos(store, read, encode, space_id=space_id, beside=encoders, actor="sample")
        keep_models(store, DEFAULT_FOLDER)
        publish(store, DEFAULT_FOLDER)
        photo = folder / "one" / "scene-00000.jpg"
        server = AppServer(store)
        try:
            with phone(folder / "profile", server.url) as device:
                device.first_visit()
                device.show(photo, "1 coin found")
                title = device.page.locator(".detail h2").inner_text()
                verdict = device.page.locator(".verdict").inner_text()
                points = device.page.locator(".photo .coin polygon.line").get_attribute("points") or ""
        finally:
            server.stop()
        numbers = [float(number) for number in re.findall(r"[\d.]+", points)]
        edge = list(zip(numbers[::2], numbers[1::2], strict=True))
        picture = Image.open(photo).convert("RGB")
        left, top, side = around(edge, *picture.size)
        part = picture.crop((left, top, left + side, top + side))
        part.resize((WIDTH, WIDTH), Image.Resampling.LANCZOS).save(WEB / "public" / "sample.webp", quality=70)
    match = re.search(r"(\d+) %", verdict)
    if match is None:
        raise SystemExit(f"the app is not sure of the sample ({verdict}): choose another seed")
    outline = ", ".join(f"{(x - left) * WIDTH / side:.1f}, {(y - top) * WIDTH / side:.1f}" for x, y in edge)
    (WEB / "src" / "app" / "sample.ts").write_text(
        "/** What the app answered to `public/sample.webp`; made by `scripts/draw-sample.py`. */\n\n"
        "export const SAMPLE = {\n"
        f"  photo: {{ width: {WIDTH}, height: {WIDTH} }},\n"
        f'  name: "{title}",\n'
        f"  confidence: {int(match[1]) / 100},\n"
        f"  outline: [{outline}],\n"
        "};\n"
    )
    subprocess.run(["npx", "biome", "format", "--write", "src/app/sample.ts"], cwd=WEB, check=True)


def around(edge: list[tuple[float, float]], width: int, height: int) -> tuple[int, int, int]:
    """The square with the coin in its middle and some room around it, as far as the photo has it: left, top, side."""
    across, down = ([point[axis] for point in edge] for axis in (0, 1))
    middle_x, middle_y = (min(across) + max(across)) / 2, (min(down) + max(down)) / 2
    half = 0.65 * max(max(across) - min(across), max(down) - min(down))
    half = min(half, middle_x, middle_y, width - middle_x, height - middle_y)
    return round(middle_x - half), round(middle_y - half), round(2 * half)


if __name__ == "__main__":
    main()
