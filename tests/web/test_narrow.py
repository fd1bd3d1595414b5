"""Every screen on a narrow phone, and with text of twice the size: nothing beyond the edge, no barrier."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from own_coin import NAME
from support.app_browser import missing, phone

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is all")


@pytest.mark.parametrize("width,text", [(320, "100%"), (390, "200%")], ids=["320 pixels", "text of 200 %"])
def test_no_screen_has_a_barrier_or_leaves_the_edge(desk, photos, strange, width, text, tmp_path):
    viewport = {"width": width, "height": 844}
    _, server = desk
    with phone(tmp_path / "profile", server.url, viewport=viewport, bypass_csp=True) as device:
        page = device.page
        dialog = page.get_by_role("dialog")
        page.add_init_script(
            f"addEventListener('DOMContentLoaded', () => {{ document.documentElement.style.fontSize = '{text}'; }})"
        )
        faults = []

        def clear(screen):
            page.wait_for_timeout(200)
            found = Axe().run(page).response["violations"]
            faults.extend(f"{screen}: {each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"])
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                faults.append(f"{screen}: {wide} pixels wide")
            for each in page.locator("dialog[open]").all():
                wide = each.evaluate("each => each.scrollWidth - each.clientWidth")
                if wide > 0:
                    faults.append(f"{screen}: {wide} pixels more than its dialog")

        device.open()
        page.get_by_role("button", name="Download").wait_for()
        clear("first visit")
        page.get_by_role("button", name="Download").click()
        device.ready()
        clear("recognise")
        device.press("All countries")
        clear("narrowing")
        device.press("Cancel")
        page.set_input_files("#photo", [photos.catalogued("obverse"), photos.catalogued("reverse")])
        device.heading("2 photos")
        clear("two photos")
        device.press("Both sides of one coin")
        page.locator(".verdict").wait_for()
        clear("both sides")
        device.press("Another coin")
        device.show(photos.one, "1 coin found")
        device.press("I own this")
        page.locator(".snack").wait_for()
        clear("an answer, owned")
        bar, snack = page.locator(".actions").bounding_box(), page.locator(".snack").bounding_box()
        assert snack["y"] + snack["height"] <= bar["y"]
        # Pictures to compare lie within their card, side by side.
        card = page.locator(".detail").bounding_box()
        for face in page.locator(".faced").all():
            place = face.bounding_box()
            assert card["x"] <= place["x"] and place["x"] + place["width"] <= card["x"] + card["width"]
        device.turn_to("History")
        page.locator(".snack").wait_for(state="detached")
        device.turn_to("Recognise")
        device.show(photos.one, "1 coin found")
        device.press("Not right?")
        clear("correcting")
        device.press("Cancel")
        device.press("Another coin")
        device.show(photos.three, "3 coins found")
        device.press("Details of coin 1")
        clear("many coins")
        device.press("Another coin")
        device.show(strange[0], "1 coin found")
        clear("unknown")
        device.press("Keep this coin")
        clear("keeping")
        dialog.get_by_label("Name").fill(NAME)
        dialog.get_by_role("button", name="Keep it").click()
        page.locator(".verdict", has_text="As you said").wait_for()
        clear("kept")
        device.open("own")
        page.get_by_role("button", name="Send to the curator").wait_for()
        clear("own coins")
        device.press("Send to the curator")
        clear("consent")
        dialog.get_by_role("button", name="Send", exact=True).click()
        page.locator(".standing").wait_for()
        clear("sent")
        device.turn_to("Collection")
        page.locator(".long .card").first.wait_for()
        page.locator(".files summary").click()
        clear("collection")
        page.locator(".card a.name").first.click()
        page.locator(".piece").first.wait_for()
        clear("a piece")
        device.turn_to("History")
        page.locator(".card").first.wait_for()
        clear("history")
        page.locator(".card a.name").first.click()
        device.heading("1 coin found")
        clear("an answer of the history")
        device.turn_to("Catalogue")
        page.locator(".card a.name").first.click()
        page.locator(".group + .card a.name").first.wait_for()
        clear("a country")
        page.locator(".group + .card a.name").first.click()
        page.locator(".sides img").first.wait_for()
        clear("a coin of the catalogue")
        device.turn_to("Settings")
        page.get_by_text("Used:").wait_for()
        clear("settings")
        device.press("Delete everything on this device")
        clear("deleting")
        device.press("Cancel")
        device.context.set_offline(True)
        device.press("Check for updates")
        page.locator(".news", has_text="Offline since").wait_for()
        clear("offline")
        (tmp_path / "letter.jpg").write_text("no picture")
        device.turn_to("Recognise")
        page.set_input_files("#photo", tmp_path / "letter.jpg")
        device.heading("This photo cannot be read")
        clear("an unreadable photo")
        assert not faults, "\n".join(faults)
        assert not device.errors
