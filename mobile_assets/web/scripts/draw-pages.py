"""Makes the README's pictures of the app, from what `make demo` left.

    python mobile_assets/web/scripts/draw-pages.py

Writes `docs/images/app-coins.png` and `docs/images/app-catalogue.png`. Needs Chromium and the built app.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "benchmarks"))

from support.app_browser import phone  # noqa: E402

from coindex_synthetic.demo import served  # noqa: E402


def main(demo: Path = ROOT / "demo") -> None:
    images = ROOT / "docs" / "images"
    photo = next((demo / "photos" / "many").glob("*.jpg"))
    with served(demo / "store") as address, tempfile.TemporaryDirectory() as name:
        app = f"{address.rstrip('/')}/app/"
        with phone(Path(name) / "light", app, locale="en-GB", color_scheme="light") as device:
            device.first_visit()
            device.show(photo, "coins found")
            device.page.screenshot(path=images / "app-coins.png")
        with phone(Path(name) / "dark", app, locale="en-GB", color_scheme="dark") as device:
            device.first_visit()
            device.turn_to("Catalogue")
            device.page.wait_for_timeout(1000)
            device.page.screenshot(path=images / "app-catalogue.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
