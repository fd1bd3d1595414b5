"""Draw the Mermaid diagrams of the docs as SVG, so that the site shows them without a script and without the network.

    python docs/site/diagrams.py

It needs npm, with the network, and Chromium. A drawing is named for the hash of its source: after a diagram changed,
`make docs` asks for its new drawing.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DRAWINGS = ROOT / "docs" / "images" / "diagrams"
MERMAID = "mermaid@11.16.0"

DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)

PAGE = "<!doctype html><meta charset=utf-8><body></body>"

DRAW = """async ([name, source]) => {
  mermaid.initialize({ startOnLoad: false, htmlLabels: false, theme: "base", flowchart: { htmlLabels: false },
    themeVariables: { fontFamily: "DejaVu Sans, Verdana, sans-serif", fontSize: "15px" } });
  return (await mermaid.render(name, source)).svg;
}"""


def name_of(source: str) -> str:
    """The file of a diagram's drawing, in `DRAWINGS`."""
    return f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.svg"


def without_style(svg: str) -> str:
    """A drawing that the site's style sheet colours, light and dark: Mermaid's own colours are left out.

    What no browser needs goes too: notes for Mermaid's editor, markers that no edge has, digits below a hundredth.
    """
    svg = re.sub(r"<style>.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r' (?:data-[a-z-]+|aria-roledescription|style)="[^"]*"', "", svg)
    used = set(re.findall(r"url\(#([^)]+)\)", svg))
    svg = re.sub(r'<marker id="([^"]+)".*?</marker>', lambda marker: marker[0] if marker[1] in used else "", svg)
    svg = re.sub(r'width="100%"(.*?viewBox="0 0 (\d+))', r'width="\2" style="--natural: \2px"\1', svg, count=1)
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", svg)


def sources() -> list[str]:
    """Every diagram of the README and of the docs."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [source for page in pages for source in DIAGRAM.findall(page.read_text("utf-8"))]


def main() -> None:
    """Draw what has no drawing yet, and remove drawings without a diagram."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium here: install it (Debian: apt install chromium) and try again")
    wanted = {name_of(source): source for source in sources()}
    DRAWINGS.mkdir(parents=True, exist_ok=True)
    for drawing in DRAWINGS.glob("*.svg"):
        if drawing.name not in wanted:
            drawing.unlink()
    missing = {name: source for name, source in wanted.items() if not (DRAWINGS / name).exists()}
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        packed = subprocess.run(["npm", "pack", MERMAID], cwd=folder, check=True, capture_output=True, text=True)
        shutil.unpack_archive(Path(folder, packed.stdout.split()[-1]), folder, "gztar", filter="data")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content(PAGE)
        page.add_script_tag(path=Path(folder, "package", "dist", "mermaid.min.js"))
        for name, source in missing.items():
            drawn = page.evaluate(DRAW, [f"diagram-{name[:8]}", source])
            (DRAWINGS / name).write_text(f"{without_style(drawn)}\n", "utf-8")
        browser.close()


if __name__ == "__main__":
    main()
