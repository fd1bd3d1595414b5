import html
import io
import re
import unicodedata
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from catalog_server.curation.coins import edit_coin, retire_coin
from catalog_server.jobs.kinds import handlers
from catalog_server.jobs.queue import Worker, submit_job
from catalog_server.store import CoinRow, JobRow, PhotoRow
from catalog_server.store.audit import audit_entries
from catalog_server.web.curator import Curator
from coindex.errors import StoreError
from coindex.manifest import CoinClass
from coindex.photo import Photo
from coindex.recognizer import Answer, Candidate, RecognizedCoin, Series
from coindex.relief import QueryRelief

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
    monkeypatch.setattr("catalog_server.curation.encoding.photo_encoder", lambda models, **_: encoder)
    return lambda: Worker(published, handlers()).run_one()


def test_coins_are_found_by_words_and_by_what_they_are(anybody):
    assert "1 coin side<" in anybody.get("/coins?q=2+mark").text
    assert "3 coin sides" in anybody.get("/coins?country=Utopia&side=obverse").text
    assert "No coin matches" in anybody.get("/coins?q=100%25").text


def test_retired_coins_are_for_curators(anybody, curator, published):
    retire_coin(published, 1, actor="test")
    assert anybody.get("/coins/1").status_code == 404
    assert "retired: it is not in new releases" in curator.get("/coins/1").text
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


def turned(photo):
    """The photo a fifth darker: like it, and no near-duplicate."""
    out = io.BytesIO()
    Image.fromarray((np.asarray(Image.open(io.BytesIO(photo))) * 0.8).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_every_photo_that_is_none_is_told_to_the_pages_script_which_keeps_them(curator, published, photo):
    asked = {**LION, "csrf": curator.csrf, "photos": sent(b"no photo", photo(1), b"none either")}
    answer = curator.client.post("/coins/new", data=asked, headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json["photos"]) == {"0", "2"} and "not an image" in answer.json["photos"]["0"]
    asked = {**LION, "csrf": curator.csrf, "photos": sent(photo(1))}
    answer = curator.client.post("/coins/new", data=asked, headers={"Accept": "application/json"})
    assert answer.json == {"location": "/coins/4"} and "Ruritania 5 crown" in live_coins(published)


def test_a_form_of_photos_that_fails_shows_the_coin_again(curator, published):
    answer = curator.post("/coins/1/photos", {"photos": sent(b"no photo")})
    assert answer.status_code == 422 and "photo 1: not an image" in answer.text and "Utopia 1 mark" in answer.text


def test_an_edit_that_fails_keeps_what_was_written(curator, published):
    answer = curator.post("/coins/1/edit", {**LION, "denomination": "", "metal": "tin", "revision": "1"})
    assert answer.status_code == 409 and "denomination is empty" in answer.text
    assert 'value="Ruritania"' in answer.text and 'value="tin"' in answer.text
    assert "Utopia 1 mark" in live_coins(published)


def test_the_photos_of_a_coin_come_in_pages(curator, published, monkeypatch):
    monkeypatch.setattr("catalog_server.web.pages.coin_page.PHOTOS_PER_PAGE", 1)
    first, second = curator.get("/coins/1").text, curator.get("/coins/1?photos=2").text
    assert "/thumbnails/1.webp" in first and "/thumbnails/2.webp" not in first and "Page 1 of 2" in first
    assert "/thumbnails/2.webp" in second and 'href="?photos=1#photos"' in second


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


def test_a_coin_that_is_nearly_another_is_added_with_a_warning(curator, published, photo):
    curator.post("/coins/new", {**LION, "photos": sent(photo(1))})
    answer = curator.post("/coins/new", {**LION, "currency": "Crowns", "photos": sent(photo(2))})
    assert answer.status_code == 303
    page = html.unescape(curator.get(answer.headers["Location"]).text)
    assert "is nearly the same, Ruritania 5 crown, obverse: it has currency 'crown' and not 'Crowns'" in page


def test_a_coin_that_becomes_nearly_another_is_saved_with_a_warning(curator, published, photo):
    curator.post("/coins/new", {**LION, "photos": sent(photo(1))})
    answer = curator.post("/coins/1/edit", {**LION, "currency": "Crowns", "revision": "1"})
    assert answer.status_code == 303 and "Ruritania 5 Crowns" in live_coins(published)
    assert "is nearly the same, Ruritania 5 crown" in html.unescape(curator.get(answer.headers["Location"]).text)
    curator.post("/coins/1/retire", {"revision": "2"})
    back = curator.post("/coins/1/restore")
    assert "is nearly the same, Ruritania 5 crown" in html.unescape(curator.get(back.headers["Location"]).text)


def test_the_name_of_a_photo_is_kept_composed_with_what_cannot_be_printed_spelt_out(curator, published, photo):
    for given, kept in (
        ("photos/" + unicodedata.normalize("NFD", "Münze.png"), "Münze.png"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("سکه\u200cها.png", "سکه\u200cها.png"),
    ):
        curator.post("/coins/1/photos", {"photos": (io.BytesIO(photo(len(kept))), given)})
        with published.reading() as session:
            assert session.query(PhotoRow).order_by(PhotoRow.row_id.desc()).first().source == kept


def test_the_fields_of_a_coin_are_composed_and_can_be_printed(curator, published, photo):
    decomposed = unicodedata.normalize("NFD", "Österreich")
    assert curator.post("/coins/new", {**LION, "country": decomposed, "photos": sent(photo(1))}).status_code == 303
    assert "Österreich 5 crown" in live_coins(published)
    for evil in ("a\x1bb", "a\u202eb", "a\nb", "x" * 201):
        answer = curator.post("/coins/new", {**LION, "country": evil, "photos": sent(photo(2))})
        assert answer.status_code == 422 and "country h" in answer.text


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


def test_facts_are_edited_shown_and_searched_and_belong_to_both_sides(curator, anybody, published, photo):
    reverse = {**LION, "country": "Utopia", "currency": "mark", "denomination": "1", "side": "reverse"}
    curator.post("/coins/new", {**reverse, "metal": "tin", "photos": sent(photo(50))})
    facts = {"title": "Old mark", "weight": "7,5", "text": "Two\r\nlines", "links": "https://a.example/1"}
    mark = {**reverse, "side": "obverse"}
    edited = curator.post("/coins/1/edit", {**mark, **facts, "metal": "", "revision": "2"})
    assert edited.status_code == 303
    for page in (curator.get("/coins/1"), anybody.get("/coins/1"), anybody.get("/coins/4")):
        assert "Old mark" in page.text and "<dd>7.5</dd>" in page.text and "Two lines" in page.text
        assert (
            '<a href="https://a.example/1" rel="noopener noreferrer">' in page.text and "<dd>tin</dd>" not in page.text
        )
    assert "<del>tin</del>" in curator.get("/coins/1").text
    assert "Old mark" in anybody.get("/coins?q=LINES+utöpia").text, "by its facts and label, whatever case and accents"
    assert "Old mark" not in anybody.get("/coins?q=links").text
    refused = curator.post("/coins/1/edit", {**mark, "weight": "heavy", "revision": "3"})
    assert refused.status_code == 409 and "weight must be a number of g" in refused.text


def test_a_form_that_fails_keeps_the_facts(curator):
    answer = curator.post("/coins/new", {**LION, "metal": "electrum", "links": "ftp://a.example"})
    assert answer.status_code == 422 and 'value="electrum"' in answer.text and 'value="ftp://a.example"' in answer.text


def test_one_photo_is_retired_and_brought_back(curator, published):
    curator.post("/photos/1/retire")
    assert curator.get("/coins/1").text.count('aria-label="Bring back photo') == 1
    curator.post("/photos/1/restore")
    assert curator.get("/coins/1").text.count('aria-label="Bring back photo') == 0


def test_a_chosen_photo_is_looked_at_before_it_is_added(curator, photo):
    answer = curator.post("/photos/check", {"photo": (io.BytesIO(photo(1)), "x.png")})
    assert answer.status_code == 200
    assert answer.json["picture"].startswith("data:image/webp;base64,")
    assert {"several-coins", "cut-off"} <= {each["kind"] for each in answer.json["warnings"]}


def test_a_photo_much_like_one_that_is_there_is_told(curator, photo):
    curator.post("/coins/new", {**LION, "photos": sent(photo(1))})
    answer = curator.post("/photos/check", {"photo": (io.BytesIO(photo(1)), "again.png")})
    (alike,) = answer.json["alike"]
    assert alike["name"] == "Ruritania 5 crown, obverse" and alike["same"]


def test_a_photo_that_is_nearer_to_another_side_is_told(curator, photo):
    curator.post("/coins/new", {**LION, "photos": sent(photo(1))})
    curator.post("/coins/new", {**LION, "side": "reverse", "photos": sent(photo(2))})
    seen = curator.post("/photos/check", {"photo": (io.BytesIO(turned(photo(1))), "x.png"), "class_id": "5"})
    (nearer,) = [each for each in seen.json["warnings"] if each["kind"] == "nearer"]
    assert "nearer to Ruritania 5 crown, obverse" in nearer["text"] and nearer["page"] == "/coins/4"
    seen = curator.post("/photos/check", {"photo": (io.BytesIO(turned(photo(1))), "x.png"), "class_id": "4"})
    assert "nearer" not in {each["kind"] for each in seen.json["warnings"]}


def test_photos_of_a_new_side_are_compared_with_each_other(curator, photo):
    curator.post("/coins/new", {**LION, "photos": sent(photo(1))})
    other = curator.post("/photos/check", {"photo": (io.BytesIO(photo(2)), "x.png")}).json["code"]
    asked = {"photo": (io.BytesIO(turned(photo(1))), "x.png"), "beside": other}
    assert "nearer" in {each["kind"] for each in curator.post("/photos/check", asked).json["warnings"]}
    asked = {"photo": (io.BytesIO(turned(photo(1))), "x.png"), "beside": "AAAA"}
    assert curator.post("/photos/check", asked).status_code == 400


def test_a_photo_without_a_coin_is_told(curator):
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    answer = curator.post("/photos/check", {"photo": (io.BytesIO(out.getvalue()), "x.png")})
    assert [each["kind"] for each in answer.json["warnings"]] == ["no-coin"]
    assert curator.post("/photos/check", {"photo": (io.BytesIO(b"x"), "x.png")}).status_code == 422


def looked_at(curator, work, answer):
    """The page that shows what an upload would change."""
    assert answer.status_code == 303, answer.text
    assert "waiting" in curator.get(answer.headers["Location"]).text
    work()
    return re.search(r'href="(/imports/\d+)"', curator.get(answer.headers["Location"]).text)[1]


def test_an_archive_is_imported_by_a_job(curator, published, photo, work):
    manifest = (
        "file,country,currency,denomination,side\na.png,Ruritania,crown,5,obverse\nb.png,Ruritania,crown,5,reverse\n"
    )
    sent_archive = {"archive": (archive(manifest, a=photo(1), b=photo(2)), "coins.zip")}
    look = looked_at(curator, work, curator.post("/imports", sent_archive))
    seen = curator.get(look).text
    assert "Import 2 photos" in seen and "Ruritania 5 crown, obverse <ins>new</ins>" in seen
    assert "Ruritania 5 crown" not in live_coins(published)
    picture = re.search(r'src="(/imports/[^"]*\.webp)"', seen)[1]
    assert curator.get(picture).mimetype == "image/webp"
    assert curator.get(look + "/photos/x.webp").status_code == 404
    page = curator.post(look).headers["Location"]
    assert curator.get(look).status_code == 404 and curator.post(look).status_code == 404, "it is taken once"
    work()
    shown = curator.get(f"{page}.json").json
    assert (shown["state"], shown["done"]) == ("done", 2), shown
    assert "2 photos added, 2 new classes" in curator.get(page).text
    assert list(published.staging.iterdir()) == []


def test_a_folder_is_imported_as_an_archive_is(curator, published, photo, work):
    manifest = b"file,country,currency,denomination,side\nsub/a.png,Ruritania,crown,5,obverse\n"
    sent_folder = [(io.BytesIO(manifest), "coins/manifest.csv"), (io.BytesIO(photo(1)), "coins/sub/a.png")]
    look = looked_at(curator, work, curator.post("/imports", {"folder": sent_folder}))
    page = curator.post(look).headers["Location"]
    work()
    assert "1 photo added, 1 new class;" in curator.get(page).text
    answer = curator.post("/imports", {"folder": [(io.BytesIO(manifest), "coins/manifest.csv")]})
    assert answer.status_code == 422 and "sub/a.png was not sent" in answer.text


def test_an_archive_comes_in_pieces_and_goes_on_after_a_failure(curator, published, photo, work):
    manifest = "file,country,currency,denomination,side\na.png,Ruritania,crown,5,obverse\n"
    data = archive(manifest, a=photo(1)).read()
    begun = curator.post("/uploads", {"size": str(len(data))}).json
    headers = {"X-CSRF-Token": curator.csrf, "Content-Type": "application/octet-stream"}

    def send(offset, piece):
        return curator.client.post(f"{begun['piece']}?offset={offset}", data=piece, headers=headers)

    half = len(data) // 2
    assert send(0, data[:half]).json == {"received": half}
    assert send(0, data[:half]).status_code == 409, "its answer was lost, and it is sent again"
    assert curator.get(f"{begun['piece']}.json").json == {"received": half, "size": len(data)}
    early = curator.post("/imports", {"upload": begun["upload"]})
    assert early.status_code == 422 and "send the rest" in early.text
    assert send(half, data[half:]).json == {"received": len(data)}
    look = looked_at(curator, work, curator.post("/imports", {"upload": begun["upload"]}))
    assert "Import 1 photo" in curator.get(look).text
    assert curator.get(f"{begun['piece']}.json").status_code == 404
    assert len(list(published.staging.iterdir())) == 1, "the upload itself is gone"


def test_bad_lines_are_left_out_where_the_curator_says_so(curator, published, photo, work):
    manifest = (
        "file,country,currency,denomination,side\na.png,Ruritania,crown,5,obverse\nb.png,Ruritania,crown,5,edge\n"
    )
    sent_archive = {"archive": (archive(manifest, a=photo(1), b=photo(2)), "coins.zip")}
    look = looked_at(curator, work, curator.post("/imports", sent_archive))
    seen = html.unescape(curator.get(look).text)
    assert "line 3: side 'edge' is none of" in seen and "Leave out the 1 line" in seen
    assert curator.post(look).status_code == 422 and "Ruritania 5 crown" not in live_coins(published)
    curator.post(look, {"skip_bad": "1"})
    work()
    assert "Ruritania 5 crown" in live_coins(published)


def test_an_upload_that_was_looked_at_is_let_go(curator, published, photo, work):
    manifest = "file,country,currency,denomination,side\na.png,Ruritania,crown,5,obverse\n"
    answer = curator.post("/imports", {"archive": (archive(manifest, a=photo(1)), "coins.zip")})
    look = looked_at(curator, work, answer)
    assert curator.post(f"{look}/discard").status_code == 303
    assert list(published.staging.iterdir()) == [] and curator.get(look).status_code == 404
    assert "Preview of the import" not in curator.get(answer.headers["Location"]).text


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
    assert "<strong>2</strong> removed" in page and "1 removed" in page and "1 changed" in page
    assert publisher.post("/publish").status_code == 303
    work()
    page = publisher.get("/publish").text
    assert "The published release is up to date" in page and "from 1:" in page
    page = publisher.get("/audit?subject=release:2").text
    assert "<strong>eve</strong> published" in page and "release 2</a>" in page


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
    assert "<strong>ada</strong> signed in as" in page
    older = re.search(r'href="(/audit\?before=\d+)"', page)[1]
    assert curator.get(older).status_code == 200


def test_the_log_tells_things_by_their_names_with_links_and_can_be_narrowed(curator, publisher, published):
    edit_coin(published, 1, revision=1, actor="cli:root", design="lion")
    curator.post("/photos/3/retire")
    publisher.post("/accounts/tokens", {"name": "till", "role": "curator", "days": "30"})
    page = html.unescape(curator.get("/audit").text)
    assert "the command line (root)</strong> changed" in page
    assert '<a href="/coins/1">Utopia 1 mark, obverse</a>' in page
    assert '<a href="/coins/2">photo 3 of Utopia 2 mark, obverse</a>' in page
    assert "<strong>eve</strong> made" in page and "the token till" in page
    accounts = curator.get("/audit?kind=accounts").text
    assert "the token till" in accounts and "photo 3 of" not in accounts
    assert "photo 3 of" in curator.get("/audit?kind=coins&actor=user:ada").text
    assert "photo 3 of" not in curator.get("/audit?actor=user:eve").text


def test_no_page_says_where_the_store_lies(curator, published, monkeypatch):
    def fail(*_, **__):
        raise StoreError(f"{published.folder}/photos/ab/abcd: cannot be read (no such file); bring it back")

    monkeypatch.setattr("catalog_server.web.pages.coins.restore_coin", fail)
    monkeypatch.setattr("catalog_server.web.pages.coins.edit_coin", fail)
    for answer in (curator.post("/coins/1/restore"), curator.post("/coins/1/edit", {**LION, "revision": "1"})):
        assert answer.status_code == 409 and "the store: cannot be read" in answer.text
        assert str(published.folder) not in answer.text
    job_id = submit_job(published, "publish", actor="test")
    with published.changing() as session:
        row = session.get(JobRow, job_id)
        row.state, row.message = "failed", f"{published.folder.absolute()}: no keys here"
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}.json", "/imports"):
        said = curator.get(path).text
        assert "the store: no keys here" in said and str(published.folder) not in said


def test_trying_without_a_release_or_a_photo_is_told(curator, photo):
    assert "no photo was sent" in curator.post("/try").text
    answer = curator.post("/try", {"photo": (io.BytesIO(photo(1)), "x.png")})
    assert answer.status_code == 409 and "publish" in answer.text


def seen_again(encoder, series=None, codes_alone=None):
    """An answer of two candidates, whose references lie turned by 45 degrees and differ at their right."""
    coin = encoder(Photo(np.full((64, 64, 3), 9, np.uint8), 64, 64)).coins[0]
    photo = QueryRelief(np.full((8, 64, 8), 4, np.int8))
    values = photo.map.copy()
    values[3:, [30, 31, 0, 1, 2], ::2] *= -1
    look = (9123, 2, 45.0, values) if codes_alone is None else ()
    first = Candidate(1, "obverse", "Utopia 1 mark", 7, 0.9, 1, *look)
    second = Candidate(2, "obverse", "Utopia 2 mark", 8, 0.8, 3, *look)
    found = RecognizedCoin(replace(coin, relief=photo), True, 0.42, (first, second), series, codes_alone)
    return Answer(1, "0" * 64, (found,), {})


def tried(curator, photo, monkeypatch, answer):
    monkeypatch.setattr(Curator, "answer", lambda *_: answer)
    return curator.post("/try", {"photo": (io.BytesIO(photo(1)), "x.png")}).text


def test_a_tried_photo_is_shown_beside_the_reference_turned_as_its_coin_lies(curator, photo, encoder, monkeypatch):
    page = tried(curator, photo, monkeypatch, seen_again(encoder))
    assert '/thumbnails/2.webp" width="96" height="96" transform="rotate(45.0 48 48)"' in page
    assert "The relief agrees over 87 %" in page and "It differs most at the lower right." in page
    assert "turned by 45°" in page and "relief 9123 of 10000" in page
    assert page.count('class="comparison"') == 2 and page.count("<details>") == 1


def test_a_series_that_is_sure_and_a_number_that_is_not_are_told_apart(curator, photo, encoder, monkeypatch):
    page = tried(curator, photo, monkeypatch, seen_again(encoder, series=Series("Mark <arms>", (1, 2))))
    assert "Series certain, coin uncertain: “Mark &lt;arms&gt;”" in page
    assert "one of 2 coins with this design" in page and "sure to" not in page


def test_without_maps_the_page_says_why_and_compares_nothing(curator, photo, encoder, monkeypatch):
    page = tried(curator, photo, monkeypatch, seen_again(encoder, codes_alone="the catalogue has none"))
    assert "The relief was not compared: the catalogue has none." in page
    assert 'class="comparison"' not in page and "rotate(0 48 48)" in page


def test_nets_are_loaded_once_for_all_photos(published, models, monkeypatch):
    made = []
    monkeypatch.setattr("catalog_server.curation.encoding.photo_encoder", lambda folder, **_: made.append(folder))
    curator = Curator(published)
    first, second = curator.encoders(), curator.encoders()
    assert list(first) == list(second) and len(made) == 1
