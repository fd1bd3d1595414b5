"""A coin of one's own, kept in the app."""

from collections.abc import Sequence
from pathlib import Path

from support.app_browser import Phone

NAME = "Grandfather's token"


def keep_own(device: Phone, strange: Sequence[Path]) -> None:
    """Photograph a coin that the catalogue lacks, both sides, and keep it under `NAME`."""
    device.show(strange[0], "1 coin found")
    assert device.page.locator(".verdict").inner_text() == "Not in this catalogue"
    device.press("Keep this coin")
    dialog = device.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(NAME)
    dialog.locator("input[type=file]").set_input_files(strange[1])
    dialog.locator(".pair img").nth(1).wait_for()
    dialog.get_by_role("button", name="Keep it").click()
    device.page.locator(".verdict", has_text="As you said").wait_for()
