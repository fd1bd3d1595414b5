"""Earlier releases, read back for what leads from them: no more of each than is new."""

import io
import zipfile

from catalog_server.curation.photos import retire_photo
from catalog_server.publishing import served
from catalog_server.publishing.publish import publish
from catalog_server.publishing.shelf import _pictured
from coindex.catalog.state import written_records


def test_a_file_that_earlier_releases_share_is_read_once_and_records_that_are_known_never(filled, models, monkeypatch):
    publish(filled, models)
    for photo in (1, 3):
        retire_photo(filled, photo, actor="test")
        publish(filled, models)
    read, parsed = [], []
    read_target, parse_records = served.read_target, served.parse_records
    monkeypatch.setattr(
        served, "read_target", lambda store, target: (read.append(target.stored_name), read_target(store, target))[1]
    )
    monkeypatch.setattr(served, "parse_records", lambda data: (parsed.append(data), parse_records(data))[1])
    with filled.reading() as session:
        now = filled.state(session)
    earlier = served.EarlierStates(filled, now.records.values())
    states = [earlier.of(manifest, index) for manifest, index in served.earlier_parts(filled, now.space_id)]
    assert [len(state.rows) for state in states] == [4, 5, 6]
    files = [name for name in read if "release" not in name]
    assert len(files) == len(set(files)) and set(parsed) == {b"[]"}
    assert states[0].rows.row_ids.tolist() == now.rows.row_ids.tolist() and states[0].records == now.records


def test_records_that_are_damaged_or_in_another_order_give_no_state(filled, models, monkeypatch):
    publish(filled, models)
    [(manifest, index)] = served.earlier_parts(filled, served_state(filled).space_id)
    read_target = served.read_target
    for damage in (lambda data: b"[]", lambda data: data[:-1], lambda data: data.replace(b'"side"', b' "side"', 1),
                   lambda data: b"[" + b",".join(reversed(written_records(data))) + b"]"):  # fmt: skip
        monkeypatch.setattr(
            served,
            "read_target",
            lambda store, target, damage=damage: (
                damage(read_target(store, target)) if target.name == manifest.records else read_target(store, target)
            ),
        )
        assert served.EarlierStates(filled, served_state(filled).records.values()).of(manifest, index) is None


def served_state(store):
    with store.reading() as session:
        return store.state(session)


def test_a_pack_of_pictures_is_known_by_its_rows_whoever_wrote_it():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = b"of another coindex"
        for row in (3, 70_000):
            archive.writestr(f"{row}.webp", b"PK\x01\x02")
    assert _pictured(out.getvalue()).tolist() == [3, 70_000]
