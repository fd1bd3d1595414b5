"""Every main path with the keyboard alone: what is wanted can be reached, seen when it has the focus, and pressed."""

import re

import pytest
from own_coin import NAME
from support.app_browser import missing, phone

from catalog_server.curation.coins import edit_coin
from catalog_server.publishing.bundle import bundle
from catalog_server.publishing.publish import publish
from catalog_server.store import CoinRow
from coindex.models import DEFAULT_FOLDER

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")

MOST_TABS = 150

FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return { name: "", seen: true };
  const name = at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || at.placeholder || "";
  // What is unseen itself, as a choice of files is, has a label that stands for it.
  const shown = at.classList.contains("unseen") ? (at.labels[0] ?? at) : at;
  const { left, right, top, bottom } = shown.getBoundingClientRect();
  const points = [];
  for (const x of [left + 2, (left + right) / 2, right - 2])
    for (const y of [top + 2, (top + bottom) / 2, bottom - 2]) points.push(document.elementFromPoint(x, y));
  const seen = points.some((each) => each && (shown.contains(each) || each.contains(shown)));
  return { name: name.trim().replaceAll(/\\s+/g, " "), seen };
}"""
"""The name of what has the focus, and whether any of it is on the screen and not below something else."""


class Keyboard:
    """A person without a pointer."""

    def __init__(self, device):
        self.device, self.page, self.keys = device, device.page, device.page.keyboard
        self.choosers = []
        self.page.on("filechooser", lambda chooser: self.choosers.append(chooser))

    def to(self, name):
        """Go on with Tab until something of this name has the focus; all on the way must be seen."""
        wanted = name if isinstance(name, re.Pattern) else re.compile(re.escape(name) + "$")
        passed = []
        for _ in range(MOST_TABS):
            self.keys.press("Tab")
            focus = self.page.evaluate(FOCUS)
            assert focus["seen"], f"{focus['name']!r} has the focus and is hidden; before it: {passed[-3:]}"
            if wanted.match(focus["name"]):
                return
            passed.append(focus["name"])
        raise AssertionError(f"{name!r} is not reached; there are {sorted(set(passed))}")

    def press(self, name, key="Enter"):
        self.to(name)
        self.keys.press(key)

    def choose(self, name, *files):
        """Choose files by the button of this name."""
        self.press(name)
        for _ in range(100):
            if self.choosers:
                break
            self.page.wait_for_timeout(100)
        self.choosers.pop().set_files(files)

    def write(self, name, text):
        self.to(name)
        self.keys.press("Control+A")
        self.keys.type(text)

    def go(self, page):
        self.press(page)
        self.device.heading(page if page != "Recognise" else "Recognise a coin")


@pytest.fixture
def keyboard(device):
    return Keyboard(device)


def focused(keyboard):
    return keyboard.page.evaluate(FOCUS)["name"]


def test_the_first_visit(server, tmp_path):
    with phone(tmp_path / "profile", server.url) as device:
        device.open()
        device.page.get_by_role("button", name=re.compile("Download")).wait_for()
        keyboard = Keyboard(device)
        keyboard.to("Skip to the content")
        keyboard.press(re.compile(r"Download \d"))
        device.ready()


def test_a_photo_is_answered_owned_and_corrected(keyboard, photos):
    keyboard.choose("Gallery", photos.one)
    keyboard.device.heading("1 coin found")
    keyboard.page.wait_for_function("document.activeElement.tagName === 'H1'")
    name = keyboard.page.locator(".detail h2").inner_text()
    keyboard.press("I own this")
    keyboard.page.get_by_text("In your collection: 1").first.wait_for()
    keyboard.press("Undo")
    keyboard.page.get_by_role("button", name="I own this").first.wait_for()

    keyboard.press("Not right?")
    dialog = keyboard.page.get_by_role("dialog")
    other = next(each for each in dialog.locator(".press .name").all_inner_texts() if each != name)
    keyboard.write("Search the catalogue", other)
    keyboard.press(re.compile(re.escape(other)))
    keyboard.page.locator(".verdict", has_text="As you said").wait_for()
    assert keyboard.page.locator(".detail h2").inner_text() == other
    keyboard.press("Another coin")
    keyboard.device.ready()


def test_many_coins_are_looked_through_and_one_is_opened(keyboard, photos):
    keyboard.choose("Gallery", photos.three)
    keyboard.device.heading("3 coins found")
    keyboard.press(re.compile(r"2 · "))
    assert "chosen" in keyboard.page.locator(".photo .coin").nth(1).get_attribute("class")
    keyboard.press("Details of coin 2")
    assert keyboard.page.locator("#coin-2-detail .detail").is_visible()
    keyboard.press("I own all of these")
    keyboard.page.get_by_text("3 coins are in your collection.").first.wait_for()


def test_both_sides_are_photographed_one_after_the_other(keyboard, photos):
    keyboard.choose("Gallery", photos.catalogued("obverse"))
    keyboard.device.heading("1 coin found")
    keyboard.press("Other side")
    keyboard.device.heading("Now the other side")
    keyboard.choose("Gallery", photos.catalogued("reverse"))
    keyboard.device.heading("Both sides together")


def test_recognition_is_narrowed_and_widened(keyboard):
    keyboard.press("All countries")
    dialog = keyboard.page.get_by_role("dialog")
    country = dialog.locator("button", has_not_text=re.compile("All countries|Cancel")).last.inner_text().split("\n")[0]
    keyboard.press(re.compile(re.escape(country)))
    keyboard.press(f"Only {country}")
    keyboard.press(re.compile("All countries"))
    keyboard.page.get_by_role("button", name="All countries").wait_for()


def test_the_catalogue_leads_to_a_coin_and_the_collection_keeps_what_is_said(keyboard):
    keyboard.go("Catalogue")
    keyboard.page.locator(".long .card").first.wait_for()
    country = keyboard.page.locator(".card a.name").first.inner_text()
    keyboard.write("Search by name, country, year …", country)
    keyboard.page.get_by_text("found").first.wait_for()
    name = keyboard.page.locator(".card a.name").first.inner_text()
    keyboard.press(name)
    keyboard.page.locator(".sides img").first.wait_for()
    keyboard.press("I own this")
    keyboard.page.get_by_text("In your collection: 1").first.wait_for()

    keyboard.go("Collection")
    keyboard.press(f"One more of {name}")
    keyboard.page.locator(".count", has_text="2").wait_for()
    keyboard.press("Undo")
    keyboard.page.locator(".count", has_text="1").wait_for()
    keyboard.press(name)
    keyboard.page.locator(".piece").wait_for()
    keyboard.to(re.compile("List"))
    keyboard.keys.press("ArrowDown")
    keyboard.write("Year", "1967")
    keyboard.write("Note", "from the fair")
    keyboard.keys.press("Tab")
    keyboard.page.get_by_text("Kept.").wait_for()
    keyboard.page.reload()
    keyboard.page.locator(".piece").wait_for()
    read = [keyboard.page.locator(".piece").get_by_label(label).input_value() for label in ("List", "Year", "Note")]
    assert read == ["swap", "1967", "from the fair"]
    keyboard.press("Remove piece 1")
    keyboard.page.get_by_text("No coins yet").or_(keyboard.page.locator(".snack")).first.wait_for()
    keyboard.press("Undo")
    keyboard.page.locator(".piece").wait_for()


def test_the_history_opens_and_forgets(keyboard, photos):
    keyboard.choose("Gallery", photos.one)
    keyboard.device.heading("1 coin found")
    name = keyboard.page.locator(".detail h2").inner_text()
    keyboard.go("History")
    keyboard.press(name)
    keyboard.device.heading("1 coin found")
    keyboard.press("History")
    keyboard.device.heading("History")
    keyboard.press(f"Delete {name} from the history")
    keyboard.device.heading("Nothing here yet")
    keyboard.press("Undo")
    keyboard.page.get_by_role("link", name=name).wait_for()
    keyboard.press("Delete all")
    keyboard.page.get_by_role("dialog").wait_for()
    keyboard.press("Delete all")
    keyboard.device.heading("Nothing here yet")


def test_an_unknown_coin_is_kept_named_and_removed(keyboard, strange):
    keyboard.choose("Gallery", strange[0])
    keyboard.device.heading("1 coin found")
    keyboard.press("Keep this coin")
    keyboard.page.get_by_role("dialog").wait_for()
    assert focused(keyboard) == "Name"
    keyboard.keys.type(NAME)
    keyboard.choose("Other side", strange[1])
    keyboard.page.get_by_role("dialog").locator(".pair img").nth(1).wait_for()
    keyboard.press("Keep it")
    keyboard.page.locator(".verdict", has_text="As you said").wait_for()
    keyboard.press("your own coin")
    keyboard.device.heading("Your own coins")
    keyboard.write("Country, if you know it", "Ruritania")
    keyboard.press(f"Delete {NAME}")
    keyboard.device.heading("No coins of your own yet")
    keyboard.press("Undo")
    keyboard.page.get_by_label("Country, if you know it").wait_for()
    assert keyboard.page.get_by_label("Country, if you know it").input_value() == "Ruritania"


def test_the_settings_take_a_release_from_a_file(changing, tmp_path):
    store, server = changing
    with phone(tmp_path / "profile", server.url) as device:
        device.first_visit()
        with store.reading() as session:
            coin = session.get(CoinRow, 1)
            label, revision = coin.label, coin.revision
        edit_coin(store, 1, actor="test", revision=revision, label=label, design="castles")
        publish(store, DEFAULT_FOLDER)
        bundle(store, tmp_path / "release.zip")
        keyboard = Keyboard(device)
        keyboard.go("Settings")
        device.context.set_offline(True)
        keyboard.choose("From a file", tmp_path / "release.zip")
        device.page.locator("dl", has_text=re.compile(r"Release\s*2")).wait_for()
        keyboard.press("For comparison: root and state")
        assert device.page.locator("code").first.is_visible()
        keyboard.press(re.compile("Sunlight"), "Space")
        assert device.page.evaluate("document.documentElement.dataset.contrast") == "high"
        keyboard.press("Delete everything on this device")
        device.page.get_by_role("dialog").wait_for()
        keyboard.keys.press("Escape")
        device.page.get_by_role("dialog").wait_for(state="detached")
        assert not device.errors
