"""The history's bound in bytes: the oldest photos make room, and what the former app kept is counted."""

import pytest
from support.app_browser import missing, phone

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")

BOUND = 50_000_000

SECOND_VERSION = """() => new Promise((resolve) => {
  const opening = indexedDB.open("coindex-records", 2);
  opening.onupgradeneeded = () => {
    const database = opening.result;
    database.createObjectStore("history", { keyPath: "id", autoIncrement: true });
    database.createObjectStore("answers");
    database.createObjectStore("pictures");
    const specimens = database.createObjectStore("specimens", { keyPath: "id" });
    specimens.createIndex("class", "classId");
    specimens.createIndex("from", ["from.entry", "from.coin"]);
    const writing = opening.transaction;
    const coin = (bytes) => ({
      name: "Atlantis 5 drachma", side: null, known: true, confidence: 0.9, picture: new Blob([new Uint8Array(bytes)]),
    });
    const answer = { version: 1, width: 10, height: 10, coins: [], narrowed: null, milliseconds: 1 };
    for (const [id, photo] of [[1, 30_000_000], [2, 21_000_000], [3, null]]) {
      writing.objectStore("history").put({ id, at: 1700000000000 + id, together: false, coins: [coin(1000)] });
      if (photo) writing.objectStore("answers").put({ photo: new Blob([new Uint8Array(photo)]), answer }, id);
    }
  };
  opening.onsuccess = () => { opening.result.close(); resolve(); };
})"""

KEPT = """() => new Promise((resolve) => {
  const opening = indexedDB.open("coindex-records");
  opening.onsuccess = () => {
    const reading = opening.result.transaction(["history", "answers"]);
    const history = reading.objectStore("history").getAll();
    const answers = reading.objectStore("answers").getAllKeys();
    reading.oncomplete = () => {
      opening.result.close();
      resolve([history.result.map(({ id, answerBytes }) => [id, answerBytes ?? null]), answers.result]);
    };
  };
})"""


def test_the_oldest_photos_make_room_and_their_names_stay(server, photos, tmp_path):
    with phone(tmp_path / "profile", server.url) as device:
        # Where the app comes from, but nothing of the app.
        device.page.goto(f"{server.url}icons/icon.svg")
        device.page.evaluate(SECOND_VERSION)
        device.first_visit()
        assert device.page.evaluate(KEPT) == [[[1, 30_000_000], [2, 21_000_000], [3, None]], [1, 2]]
        device.turn_to("Settings")
        device.page.get_by_text("History: 3 answers, 51.0 MB of at most 50.0 MB").wait_for()

        device.turn_to("Recognise")
        device.show(photos.one, "1 coin found")
        device.press("I own this")
        device.page.get_by_text("In your collection: 1").first.wait_for()
        entries, answers = device.page.evaluate(KEPT)
        assert [(id_, size is None) for id_, size in entries] == [(1, True), (2, False), (3, True), (4, False)]
        assert answers == [2, 4]
        latest = entries[-1][1]
        assert 5_000 < latest < 400_000  # the photo, at most 1,280 pixels a side, and the coin's picture
        assert 21_000_000 + latest <= BOUND

        device.turn_to("History")
        lines = device.page.locator(".card a.name")
        lines.nth(3).wait_for()
        assert lines.nth(3).inner_text() == "Atlantis 5 drachma"
        lines.nth(3).click()
        device.page.get_by_text("The full answer to this photo was not kept.").wait_for()
        device.page.go_back()
        lines.first.click()
        device.heading("1 coin found")
        sides = device.page.locator(".photo canvas").evaluate("each => [each.width, each.height]")
        assert max(sides) <= 1280
        assert not device.errors


def test_an_answer_that_is_kept_after_the_history_was_opened_joins_its_list(profile, server, photos):
    with phone(profile, server.url) as device:
        device.open()
        # To the history in the moment in which the answer is on the screen: its photo is not made smaller yet.
        device.page.evaluate(
            """() => new MutationObserver((_, watcher) => {
              if (!document.querySelector("h1")?.textContent.startsWith("1 coin found")) return;
              watcher.disconnect();
              location.hash = "history";
            }).observe(document.querySelector("main"), { childList: true, subtree: true })"""
        )
        device.page.set_input_files("#photo", photos.one)
        device.heading("History")
        device.page.get_by_text("1 photo", exact=True).wait_for()
        device.page.locator(".card").wait_for()
        assert not device.errors
