import io
import re
import zipfile

import pytest
from PIL import Image

from catalog_server.audit import audit_entries
from catalog_server.curation import edit_coin, retire_coin
from catalog_server.job_kinds import handlers
from catalog_server.jobs import Worker
from catalog_server.publisher import current_index, served_manifest
from catalog_server.store import CoinRow, PhotoRow
from catalog_server.web.pages import Curator
from coindex.manifest import CoinClass

LION = {
    "country": "Ruritania",
    "currency": "crown",
    "denomination": "5",
    "variant": "",
    "side": "obverse",
    "design": "",
}


def sent(*photos):
    return [(io.BytesIO(data), f"photo-{number}.jpg") for number, data in enumerate(photos)]


def live_coins(store):
    with store.reading() as session:
        return {coin.name: coin.class_id for coin in session.query(CoinRow).where(~CoinRow.retired)}


def archive(manifest, **photos):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("coins/manifest.csv", manifest)
        for name, data in photos.items():
            packed.writestr(f"coins/{name}.png", data)
    out.seek(0)
    return out


@pytest.fixture
def work(published, encoder, monkeypatch):
    """Does the jobs that wait, as the server's worker would."""
    monkeypatch.setattr("catalog_server.encoding.photo_encoder", lambda models, **_: encoder)
    return lambda: Worker(published, handlers()).run_one()


def test_coins_are_found_by_words_and_by_what_they_are(anybody):
    assert "1 coin side<" in anybody.get("/coins?q=2+mark").text
    assert "3 coin sides" in anybody.get("/coins?country=Utopia&side=obverse").text
    assert "No coin is like this" in anybody.get("/coins?q=100%25").text


def test_retired_coins_are_for_curators(anybody, curator, published):
    retire_coin(published, 1, actor="test")
    assert anybody.get("/coins/1").status_code == 404
    assert "retired: releases leave it out" in curator.get("/coins/1").text
    assert "Utopia 1 mark" in curator.get("/coins?retired=1").text
    assert "Utopia 1 mark" not in anybody.get("/coins?retired=1").text


def test_a_coin_is_added_with_its_photos(curator, published, photo):
    answer = curator.post("/coins/new", {**LION, "year": "1921", "photos": sent(photo(1), photo(2))})
    assert answer.status_code == 303
    page = curator.get(answer.headers["Location"]).text
    assert "Ruritania 5 crown, obverse" in page and page.count("/thumbnails/") == 2
    with published.reading() as session:
        newest = audit_entries(session, subject=f"coin:{live_coins(published)['Ruritania 5 crown']}")
    assert {entry.action for entry in newest} == {"coin.add", "photos.add"}
    assert {entry.actor for entry in newest} == {"user:ada"}


def test_a_photo_that_is_none_leaves_the_form_as_it_was(curator, published, photo):
    answer = curator.post("/coins/new", {**LION, "photos": sent(photo(1), b"no photo")})
    assert answer.status_code == 422
    assert "photo 2: not an image" in answer.text and 'value="Ruritania"' in answer.text
    assert "Ruritania 5 crown" not in live_coins(published)


def test_a_stored_photo_carries_nothing_but_its_pixels(curator, published, photo):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    exif[0x010E] = "where I live"
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)  # latitude
    original = photo(3, kind="JPEG", exif=exif, quality=95)
    assert b"where I live" in original
    curator.post("/coins/new", {**LION, "photos": sent(original)})
    with published.reading() as session:
        row = session.query(PhotoRow).order_by(PhotoRow.row_id.desc()).first()
        kept = published.photos.get(row.photo_sha256)
    image = Image.open(io.BytesIO(kept))
    assert image.format == "JPEG" and not dict(image.getexif()) and b"where I live" not in kept
    turned, upright = Image.open(io.BytesIO(original)).convert("RGB"), image.convert("RGB")
    assert upright.getpixel((4, 4)) == pytest.approx(
        turned.transpose(Image.Transpose.ROTATE_270).getpixel((4, 4)), abs=8
    )


def test_a_stale_edit_shows_both_versions_and_keeps_the_first(curator, published):
    edit_coin(published, 1, revision=1, actor="user:eve", label=CoinClass("Utopia", "mark", "1", "jubilee", "obverse"))
    answer = curator.post("/coins/1/edit", {**LION, "revision": "1"})
    assert answer.status_code == 409
    assert "user:eve" in answer.text and "jubilee" in answer.text and "Ruritania" in answer.text
    assert "Utopia 1 mark jubilee" in live_coins(published)


def test_a_coin_is_edited_retired_and_brought_back(curator, published):
    assert curator.post("/coins/1/edit", {**LION, "revision": "1"}).status_code == 303
    assert "Ruritania 5 crown" in live_coins(published)
    assert curator.post("/coins/1/retire", {"revision": "2"}).status_code == 303
    assert "Ruritania 5 crown" not in live_coins(published)
    assert curator.post("/coins/1/restore").status_code == 303
    history = curator.get("/coins/1").text
    assert re.findall(r"</strong> (changed|retired|brought back)", history) == ["brought back", "retired", "changed"]


def test_one_photo_is_retired_and_brought_back(curator, published):
    curator.post("/photos/1/retire")
    assert curator.get("/coins/1").text.count(">Bring back<") == 1
    curator.post("/photos/1/restore")
    assert curator.get("/coins/1").text.count(">Bring back<") == 0


def test_a_chosen_photo_is_looked_at_before_it_is_added(curator, photo):
    answer = curator.post("/photos/check", {"photo": (io.BytesIO(photo(1)), "x.png")})
    assert answer.status_code == 200
    assert answer.json["picture"].startswith("data:image/webp;base64,")
    assert {"several-coins", "cut-off"} <= {each["kind"] for each in answer.json["warnings"]}


def test_a_photo_much_like_one_that_is_there_is_told(curator, photo):
    curator.post("/coins/new", {**LION, "photos": sent(photo(1))})
    answer = curator.post("/photos/check", {"photo": (io.BytesIO(photo(1)), "again.png")})
    (alike,) = answer.json["alike"]
    assert alike["name"] == "Ruritania 5 crown, obverse" and alike["distance"] == 0


def test_a_photo_without_a_coin_is_told(curator):
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    answer = curator.post("/photos/check", {"photo": (io.BytesIO(out.getvalue()), "x.png")})
    assert [each["kind"] for each in answer.json["warnings"]] == ["no-coin"]
    assert curator.post("/photos/check", {"photo": (io.BytesIO(b"x"), "x.png")}).status_code == 422


def test_an_archive_is_imported_by_a_job(curator, published, photo, work):
    manifest = (
        "file,country,currency,denomination,side\na.png,Ruritania,crown,5,obverse\nb.png,Ruritania,crown,5,reverse\n"
    )
    answer = curator.post("/imports", {"archive": (archive(manifest, a=photo(1), b=photo(2)), "coins.zip")})
    assert answer.status_code == 303
    page = answer.headers["Location"]
    assert "waiting" in curator.get(page).text
    work()
    shown = curator.get(f"{page}.json").json
    assert (shown["state"], shown["done"]) == ("done", 2), shown
    assert "2 photos added, 2 new classes" in curator.get(page).text
    assert list(published.staging.iterdir()) == []


def test_a_folder_is_imported_as_an_archive_is(curator, published, photo, work):
    manifest = b"file,country,currency,denomination,side\nsub/a.png,Ruritania,crown,5,obverse\n"
    sent_folder = [(io.BytesIO(manifest), "coins/manifest.csv"), (io.BytesIO(photo(1)), "coins/sub/a.png")]
    answer = curator.post("/imports", {"folder": sent_folder})
    assert answer.status_code == 303
    work()
    assert "1 photos added, 1 new classes" in curator.get(answer.headers["Location"]).text
    answer = curator.post("/imports", {"folder": [(io.BytesIO(manifest), "coins/manifest.csv")]})
    assert answer.status_code == 422 and "sub/a.png was not sent" in answer.text


def test_a_bad_archive_is_refused_and_nothing_of_it_stays(curator, published, photo):
    outside = io.BytesIO()
    with zipfile.ZipFile(outside, "w") as packed:
        packed.writestr("manifest.csv", "file,country,currency,denomination,side\n../../a.png,R,c,1,obverse\n")
        packed.writestr("../../a.png", photo(1))
    outside.seek(0)
    answer = curator.post("/imports", {"archive": (outside, "coins.zip")})
    assert answer.status_code == 422 and "leads out of it" in answer.text
    assert curator.post("/imports", {"archive": (io.BytesIO(b"PK no"), "x.zip")}).status_code == 422
    assert not published.staging.exists() or list(published.staging.iterdir()) == []


def test_what_would_change_is_shown_and_published(publisher, published, work):
    edit_coin(published, 1, revision=1, actor="test", design="lion")
    retire_coin(published, 2, actor="test")
    page = publisher.get("/publish").text
    assert "<strong>2</strong> went" in page and "1 gone" in page and "1 described otherwise" in page
    assert publisher.post("/publish").status_code == 303
    work()
    page = publisher.get("/publish").text
    assert "What is published is the catalogue as it is" in page and "from 1:" in page
    assert "user:eve" in publisher.get("/audit?subject=release:2").text


def test_an_earlier_release_is_brought_back_as_a_new_one(publisher, published, work):
    before = served_manifest(published, current_index(published)).state_hash
    edit_coin(published, 1, revision=1, actor="test", label=CoinClass("Utopia", "mark", "9", "", "obverse"))
    retire_coin(published, 2, actor="test")
    publisher.post("/publish")
    work()
    assert publisher.post("/releases-history/1/bring-back").status_code == 303
    work()
    served = served_manifest(published, current_index(published))
    assert (served.version, served.state_hash) == (3, before)
    assert set(live_coins(published)) == {"Utopia 1 mark", "Utopia 2 mark", "Utopia 3 mark"}


def test_a_validation_is_a_page_of_its_release(publisher, work):
    publisher.post("/validations")
    work()
    assert "Report" in publisher.get("/publish").text
    answer = publisher.get("/releases-history/1/validation")
    assert answer.status_code == 200 and "script-src" not in answer.headers["Content-Security-Policy"]


def test_accounts_and_tokens_are_made_and_taken_away(publisher, anybody):
    made = {"name": "bob", "password": "long enough", "role": "curator"}
    assert publisher.post("/accounts/users", made).status_code == 303
    anybody.sign_in("bob", "long enough")
    publisher.post("/accounts/users/bob", {"change": "disable"})
    assert anybody.get("/imports").status_code == 302
    page = publisher.post("/accounts/tokens", {"name": "import script", "role": "curator", "days": "30"}).text
    secret = re.search(r"coindex_[\w-]+", page)[0]
    assert secret not in publisher.get("/accounts").text
    assert publisher.post("/accounts/tokens/1/revoke").status_code == 303
    assert "revoked" in publisher.get("/accounts").text


def test_the_last_publisher_cannot_be_disabled(publisher):
    answer = publisher.post("/accounts/users/eve", {"change": "disable"})
    assert answer.status_code == 409 and "publisher" in answer.text


def test_the_log_names_who_did_what_and_goes_on(curator, published, monkeypatch):
    monkeypatch.setattr("catalog_server.web.pages.history.ENTRIES", 2)
    page = curator.get("/audit").text
    assert "user:ada" in page
    older = re.search(r'href="(/audit\?before=\d+)"', page)[1]
    assert curator.get(older).status_code == 200


def test_trying_without_a_release_or_a_photo_is_told(curator, photo):
    assert "none was sent" in curator.post("/try").text
    answer = curator.post("/try", {"photo": (io.BytesIO(photo(1)), "x.png")})
    assert answer.status_code == 409 and "publish" in answer.text


def test_nets_are_loaded_once_for_all_photos(published, models, monkeypatch):
    made = []
    monkeypatch.setattr("catalog_server.encoding.photo_encoder", lambda folder, **_: made.append(folder))
    curator = Curator(published)
    first, second = curator.encoders(), curator.encoders()
    assert list(first) == list(second) and len(made) == 1
