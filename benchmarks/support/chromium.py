"""The browser that tests and benchmarks run: this machine's own Chromium."""

from pathlib import Path

__all__ = ["CHROMIUM", "NO_CHROMIUM"]

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")

CHROMIUM = next((place for place in PLACES if Path(place).exists()), None)
"""Where it is, None where there is none."""

NO_CHROMIUM = "" if CHROMIUM else f"no browser: none of {', '.join(PLACES)}"
"""Why what needs it cannot run, empty where it can."""
