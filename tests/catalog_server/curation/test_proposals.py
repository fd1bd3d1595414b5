"""Coins that collectors offer: taken in whole or not at all, and in no catalogue before somebody accepts them."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from catalog_server.curation import proposals
from catalog_server.curation.proposals import (
    SentProposal,
    TooMany,
    accept_photos,
    add_proposal,
    find_proposal,
    list_proposals,
    proposal_of,
    proposal_photo,
    read_proposal,
    reject_proposal,
    sender_of,
)
from catalog_server.store import CoinRow, ProposalPhotoRow, ProposalRow
from catalog_server.store.audit import audit_entries
from coindex.errors import ManifestError, PhotoError, StoreError
from coindex.manifest import CoinClass

NAME = {"format": 1, "name": "Five crowns", "photos": ["1.jpg"]}
LION = CoinClass("Ruritania", "crown", "5", "", "obverse")


def photo(seed=0, kind="JPEG", **options):
    pixels = np.random.default_rng(seed).integers(1, 256, (8, 8, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8))).save(out, kind, **options)
    return out.getvalue()


def packed(document=None, files=None, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    data = document if isinstance(document, bytes) else json.dumps({**NAME, **(document or {})}).encode()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("proposal.json", data)
        for name, content in ({"1.jpg": photo()} if files is None else files).items():
            archive.writestr(name, content)
    out.seek(0)
    return out


def offered(store, *seeds, sender="", **fields):
    sent = SentProposal("Five crowns", "", fields, "app", tuple(photo(seed) for seed in seeds or (50,)))
    return add_proposal(store, sent, actor="collector", sender=sender)


def live(store):
    with store.reading() as session:
        found = store.state(session)
        return found.rows.row_ids.tolist(), sorted(found.records)


def test_a_file_is_read_field_by_field():
    fields = {"country": " Ruritania ", "side": "obverse", "weight": 7.5, "links": ["https://a.example/"], "mint": ""}
    document = {"note": "Two\nlines", "fields": fields, "photos": ["b.jpg", "a.png"], "app": "app 1"}
    files = {"a.png": photo(1, "PNG"), "b.jpg": photo(2)}
    sent = read_proposal(packed(document, files, zipfile.ZIP_DEFLATED))
    assert (sent.name, sent.note, sent.app, len(sent.photos)) == ("Five crowns", "Two lines", "app 1", 2)
    assert sent.fields == {
        "country": "Ruritania",
        "side": "obverse",
        "weight": "7.5",
        "links": "https://a.example/",
    }
    assert all(data.startswith(b"\xff\xd8\xff") for data in sent.photos)


def test_a_photo_is_kept_without_what_stood_beside_its_pixels():
    exif = Image.Exif()
    exif[0x010E] = "the address of a collector"
    (kept,) = read_proposal(packed(files={"1.jpg": photo(exif=exif)})).photos
    assert b"collector" not in kept


@pytest.mark.parametrize(
    ("document", "files", "told"),
    [
        (b"no json", None, "proposal.json: "),
        (b"\xff", None, "not UTF-8"),
        (b"[]", None, "must be a JSON object"),
        (b'{"format": 1e400}', None, "proposal.json: "),
        ({"format": 2}, None, "format 2, this server reads 1"),
        ({"name": " "}, None, "field name is empty"),
        ({"name": 5}, None, "field name must be text"),
        ({"name": "x" * 201}, None, "field name has 201 characters; 200"),
        ({"note": "x" * 2001}, None, "field note has 2001"),
        ({"name": "a\u202eb"}, None, "field name holds an invisible character"),
        ({"photos": []}, None, "1 to 6 photos"),
        ({"photos": ["1.jpg"] * 2}, None, "each once"),
        ({"photos": "1.jpg"}, None, "must be a list"),
        ({"photos": ["2.jpg"]}, None, "photo '2.jpg' is not in the file"),
        ({"photos": ["proposal.json"]}, None, "is not in the file"),
        ({}, {"1.jpg": b"", "2.jpg": b""}, "holds '2.jpg', which field photos does not name"),
        ({"fields": []}, None, "field fields must be an object"),
        ({"fields": {"colour": "red"}}, None, "fields has no 'colour'; there are country"),
        ({"fields": {"side": "edge"}}, None, "side 'edge' is none of"),
        ({"fields": {"weight": "heavy"}}, None, "weight must be a number of g"),
        ({"secret": 1}, None, "there is no field 'secret'"),
        ({"note": "x" * 70_000}, None, "more than 65536 bytes"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_what_is_wrong(document, files, told):
    with pytest.raises(ManifestError, match=told):
        read_proposal(packed(document, files))


def test_any_other_file_is_refused():
    with pytest.raises(ManifestError, match="cannot be read"):
        read_proposal(io.BytesIO(b"text"))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.csv", "")
    with pytest.raises(ManifestError, match=r"no proposal\.json"):
        read_proposal(other)
    with pytest.raises(ManifestError, match="leads out of it"):
        read_proposal(packed({"photos": ["../1.jpg"]}, {"../1.jpg": photo()}))
    with pytest.raises(ManifestError, match="unpacks to"):
        read_proposal(packed(files={"1.jpg": b"\0" * (1 << 20)}, method=zipfile.ZIP_DEFLATED))
    with pytest.raises(PhotoError, match=r"^1\.jpg: "):
        read_proposal(packed(files={"1.jpg": b"no photo"}))


def test_a_proposal_waits_and_is_in_no_catalogue(filled):
    before = live(filled)
    kept = offered(filled, 50, 51, country="Ruritania")
    assert (kept.state, kept.word, kept.class_id, len(kept.photo_ids)) == ("waiting", "", None, 2)
    assert proposal_of(filled, kept.receipt) == find_proposal(filled, kept.proposal_id) == kept
    assert list_proposals(filled, waiting=True, limit=9) == (kept,)
    assert proposal_photo(filled, kept.proposal_id, kept.photo_ids[0]) == photo(50)
    assert live(filled) == before


def test_photos_are_accepted_into_a_class_and_a_new_one_and_the_proposal_is_done(filled, encoder, space):
    kept, encoders = offered(filled, 50, 51), {space: encoder}
    first, second = kept.photo_ids
    assert accept_photos(filled, kept.proposal_id, [first], encoders, actor="ada", class_id=2, year="1921") == 2
    left = find_proposal(filled, kept.proposal_id)
    assert (left.state, left.photo_ids, left.class_id) == ("waiting", (second,), 2)
    facts = {"metal": "tin"}
    assert accept_photos(filled, kept.proposal_id, [second], encoders, actor="ada", label=LION, facts=facts) == 4
    done = find_proposal(filled, kept.proposal_id)
    assert (done.state, done.photo_ids, done.class_id) == ("accepted", (), 4)
    assert live(filled) == ([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4])
    with filled.reading() as session:
        assert session.get(CoinRow, 4).told == {"metal": "tin"}
        assert session.get(CoinRow, 2).photos[-1].year == "1921"
        actions = [entry.action for entry in audit_entries(session, subject=f"proposal:{kept.proposal_id}")]
    assert actions == ["proposal.accept", "proposal.accept", "proposal.add"]


def test_what_is_left_is_rejected_with_a_word(filled, encoder, space):
    kept, other = offered(filled, 50), offered(filled, 51, 52)
    reject_proposal(filled, kept.proposal_id, actor="ada", word=" too dark ")
    told = proposal_of(filled, kept.receipt)
    assert (told.state, told.word, told.photo_ids) == ("rejected", "too dark", ())
    accept_photos(filled, other.proposal_id, other.photo_ids[:1], {space: encoder}, actor="ada", class_id=1)
    reject_proposal(filled, other.proposal_id, actor="ada", word="one is enough")
    told = proposal_of(filled, other.receipt)
    assert (told.state, told.word, told.class_id) == ("accepted", "one is enough", 1)
    with filled.reading() as session:
        assert session.query(ProposalPhotoRow).count() == 0
    with pytest.raises(StoreError, match="is accepted already"):
        reject_proposal(filled, other.proposal_id, actor="eve", word="again")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"class_id": 99}, "there is no class 99"),
        ({"label": CoinClass("Utopia", "mark", "1", "", "obverse")}, "class 1 is Utopia 1 mark, obverse already"),
        ({"label": CoinClass("", "mark", "1", "", "obverse")}, "country is empty"),
        ({"label": LION, "facts": {"weight": "x"}}, "weight must be"),
        ({"class_id": 1, "year": "x" * 201}, "year has 201 characters"),
        ({}, "choose where the photos belong"),
    ],
)
def test_an_acceptance_that_fails_changes_nothing(filled, encoder, space, options, told):
    kept, before = offered(filled, 50), live(filled)
    with pytest.raises(StoreError, match=told):
        accept_photos(filled, kept.proposal_id, kept.photo_ids, {space: encoder}, actor="ada", **options)
    assert (find_proposal(filled, kept.proposal_id), live(filled)) == (kept, before)
    with filled.reading() as session:
        assert session.query(CoinRow).count() == 3


def test_of_two_curators_who_decide_the_second_is_told(filled, encoder, space):
    kept, encoders = offered(filled, 50, 51), {space: encoder}
    accept_photos(filled, kept.proposal_id, kept.photo_ids[:1], encoders, actor="ada", class_id=1)
    with pytest.raises(StoreError, match="somebody else has decided"):
        accept_photos(filled, kept.proposal_id, kept.photo_ids, encoders, actor="eve", class_id=2)
    with pytest.raises(StoreError, match="no photo is chosen"):
        accept_photos(filled, kept.proposal_id, [], encoders, actor="eve", class_id=2)
    assert find_proposal(filled, kept.proposal_id).photo_ids == kept.photo_ids[1:]


def test_from_one_address_come_ten_in_an_hour(filled, monkeypatch):
    sender = sender_of("192.0.2.1", "key")
    for _ in range(10):
        offered(filled, sender=sender)
    with pytest.raises(TooMany, match="10 proposals an hour") as caught:
        offered(filled, sender=sender)
    assert 3590 <= caught.value.retry_after <= 3601
    offered(filled, sender=sender_of("192.0.2.2", "key"))
    offered(filled)
    now = proposals.time.time()
    monkeypatch.setattr("catalog_server.curation.proposals.time.time", lambda: now + 3601)
    offered(filled, sender=sender)
    with filled.reading() as session:
        assert [row.sender for row in session.query(ProposalRow) if row.sender] == [sender], "older ones are forgotten"


def test_no_more_wait_than_a_curator_can_look_at(filled, monkeypatch):
    monkeypatch.setattr(proposals, "MAX_WAITING", 2)
    first = offered(filled)
    offered(filled)
    with pytest.raises(TooMany, match="2 proposals wait") as caught:
        offered(filled)
    assert caught.value.retry_after is None
    reject_proposal(filled, first.proposal_id, actor="ada", word="no")
    offered(filled)


def test_the_commands_take_in_and_list(filled, command_line, tmp_path):
    file = tmp_path / "offer.zip"
    file.write_bytes(packed().getvalue())
    code, out, _ = command_line("catalog", "proposals", "add", file, "--store", filled.folder)
    assert code == 0 and "proposal 1: Five crowns, 1 photos" in out
    assert "Five crowns" in command_line("catalog", "proposals", "list", "--store", filled.folder)[1]
    assert command_line("catalog", "proposals", "add", tmp_path / "none", "--store", filled.folder)[0] == 1
