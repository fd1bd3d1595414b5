"""Releases in packs: sound, taken by devices in parts, and no larger change than what changed."""

import zipfile

import pytest

from catalog_server.curation.changes import bring_back
from catalog_server.curation.coins import retire_coin
from catalog_server.curation.importer import import_photos
from catalog_server.curation.packs import clear_packs, packs_by_country, put_in_pack, set_pack
from catalog_server.curation.steps import take_step
from catalog_server.publishing.bundle import bundle
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import (
    current_index,
    published_releases,
    published_state,
    read_manifest,
    served_manifest,
    targets_folder,
)
from catalog_server.publishing.verify import verify
from catalog_server.store.audit import audit_entries
from coindex.catalog import CatalogState, open_catalog, state_hash
from coindex.catalog.packs import SplitRelease
from coindex.errors import StoreError, SyncError
from coindex.sync import list_packs, sync


@pytest.fixture
def world(store, collection, encoder, space):
    """A store with 60 photos: three coins of Utopia, and coins 7 to 9 of Arcadia."""
    for number in range(54):
        country = {} if number % 2 else {"country": "Arcadia", "currency": "drachma"}
        collection.add(str(number % 3 + 1 if number % 2 else number % 3 + 7), 100 + number, **country)
    import_photos(store, collection.read(), encoder, space_id=space, actor="test")
    return store


@pytest.fixture
def packed(world, models):
    packs_by_country(world, actor="test")
    publish(world, models)
    return world


def pull(store, home, serve, **options):
    with serve(store) as url:
        return sync(url, home, **options)


def state_of(store):
    with store.reading() as session:
        return store.state(session)


def test_a_release_in_packs_is_sound_and_states_the_catalogue_that_it_is_of(packed):
    release = served_manifest(packed, current_index(packed))
    assert isinstance(release, SplitRelease)
    assert [(pack.pack_id, pack.countries) for pack in release.packs] == [
        ("arcadia", ("Arcadia",)), ("utopia", ("Utopia",))
    ]  # fmt: skip
    assert release.state_hash == state_hash(state_of(packed))
    assert verify(packed).problems == () and not verify(packed).unpublished
    with packed.reading() as session:
        assert audit_entries(session)[0].detail["packs"] == ["arcadia", "utopia"]


def test_a_device_with_all_packs_has_what_one_has_of_the_release_that_was_whole(world, models, serve, tmp_path):
    publish(world, models)
    pull(world, tmp_path / "whole", serve)
    packs_by_country(world, actor="test")
    assert publish(world, models).packs == 2
    pull(world, tmp_path / "packed", serve)
    whole, packed = open_catalog(tmp_path / "whole"), open_catalog(tmp_path / "packed")
    assert packed.manifest.state_hash == whole.manifest.state_hash
    assert packed.records == whole.records
    for row, code in zip(whole.index.rows.row_ids.tolist(), whole.index.rows.codes, strict=True):
        assert packed.index.search(code, 5) == whole.index.search(code, 5)
        assert packed.thumbnail(row) == whole.thumbnail(row)


def test_one_pack_is_as_large_as_it_was_said_to_be(packed, serve, tmp_path):
    with serve(packed) as url:
        before = {pack.pack_id: pack.bytes for pack in list_packs(url, tmp_path / "home").packs}
    report = pull(packed, tmp_path / "home", serve, packs=["arcadia"])
    catalog = open_catalog(tmp_path / "home")
    assert {record.country for record in catalog.records.values()} == {"Arcadia"}
    rest = {"release.json", "release.arcadia.json", *catalog.manifest.models}
    own = [file for name, file in catalog.targets.items() if name not in rest]
    layout = [file for name, file in current_index(packed).targets.items() if file.sha256 in _layout(tmp_path / "home")]
    assert sum(file.length for file in (*own, *layout)) == before["arcadia"]
    assert report.bytes_downloaded < before["arcadia"] + 100_000


def _layout(home):
    from coindex.catalog.pointer import read_pointer

    return {file.sha256 for file in read_pointer(home).layout.files}


def test_publishing_again_without_a_change_makes_no_release(packed, models):
    assert not publish(packed, models).changed
    set_pack(packed, "utopia", {"en": "Utopia", "de": "Utopien"}, actor="test")
    report = publish(packed, models)
    assert report.changed and report.version == 2
    assert served_manifest(packed, current_index(packed)).packs[1].names == {"en": "Utopia", "de": "Utopien"}


def test_a_class_that_moves_between_packs_comes_by_a_small_delta(packed, models, serve, tmp_path):
    homes = {name: tmp_path / name for name in ("both", "utopia")}
    pull(packed, homes["both"], serve)
    pull(packed, homes["utopia"], serve, packs=["utopia"])
    [moved] = [key for key, coin in state_of(packed).records.items() if coin.country == "Utopia" and
               coin.denomination == "1"]  # fmt: skip
    put_in_pack(packed, "arcadia", coins=[moved], actor="test")
    assert publish(packed, models).deltas == 2
    assert verify(packed).problems == ()
    assert pull(packed, homes["both"], serve).route == "delta"
    catalog, state = open_catalog(homes["both"]), state_of(packed)
    found = CatalogState(state.space_id, catalog.index.rows, catalog.records)
    assert state_hash(found) == state_hash(state) == catalog.manifest.state_hash
    assert pull(packed, homes["utopia"], serve).route == "delta"
    assert moved not in open_catalog(homes["utopia"]).records
    for row in catalog.index.rows.row_ids.tolist():
        assert catalog.thumbnail(row)


def test_a_change_in_one_pack_leaves_the_files_of_the_others_as_they_are(packed, models):
    before = dict(current_index(packed).targets)
    [retired] = [key for key, coin in state_of(packed).records.items() if coin.denomination == "7"]
    retire_coin(packed, retired, actor="test")
    publish(packed, models)
    after = current_index(packed).targets
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert "release.utopia.json" in changed
    assert not [name for name in changed if ".utopia." in name and name != "release.utopia.json"]


def test_releases_may_be_whole_again(packed, models, serve, tmp_path):
    pull(packed, tmp_path / "home", serve, packs=["utopia"])
    clear_packs(packed, actor="test")
    assert publish(packed, models).packs == 0
    pull(packed, tmp_path / "home", serve)
    assert open_catalog(tmp_path / "home").manifest.state_hash == state_hash(state_of(packed))


def test_an_earlier_release_in_packs_can_be_brought_back(packed, models):
    first = state_hash(state_of(packed))
    retire_coin(packed, 1, actor="test")
    publish(packed, models)
    take_step(packed, bring_back(published_state(packed, 1), version=1), actor="test")
    publish(packed, models)
    assert state_hash(state_of(packed)) == first
    newest, *_ = published_releases(packed)
    assert newest.full_bytes > 0 and [pack.pack_id for pack in newest.packs] == ["arcadia", "utopia"]


def test_old_files_of_packs_are_cleared_and_those_that_deltas_need_are_not(packed, models):
    for class_id in range(1, 5):
        retire_coin(packed, class_id, actor="test")
        publish(packed, models)
    index = current_index(packed)
    deltas = {delta.version for delta in read_manifest(packed, index, "release.arcadia.json").deltas}
    assert deltas  # made from files of earlier releases that `prune` left
    kept = {path.name for path in targets_folder(packed).iterdir()}
    assert not [file for file in index.targets.values() if file.stored_name not in kept]


def test_a_bundle_has_the_packs_that_are_asked_for(packed, tmp_path):
    report = bundle(packed, tmp_path / "one.zip", packs=["utopia"])
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert not [name for name in archive.namelist() if ".arcadia." in name]
    assert report.bytes < bundle(packed, tmp_path / "all.zip").bytes
    found = sync(str(tmp_path / "one.zip"), tmp_path / "home")
    assert [(pack.pack_id, pack.taken) for pack in found.packs] == [("arcadia", False), ("utopia", True)]
    # What one has taken goes only when one says so.
    sync(str(tmp_path / "all.zip"), tmp_path / "other")
    with pytest.raises(SyncError, match="no pack arcadia; it has: utopia"):
        retaken(packed, tmp_path)
    sync(str(tmp_path / "one.zip"), tmp_path / "home", packs=["utopia"])


def retaken(store, tmp_path):
    """A device that had all packs of an older release takes a bundle of one pack."""
    models = store.models_folder(served_manifest(store, current_index(store)).space_id)
    retire_coin(store, 1, actor="test")
    publish(store, models)
    bundle(store, tmp_path / "newer.zip", packs=["utopia"])
    sync(str(tmp_path / "newer.zip"), tmp_path / "other")


@pytest.mark.parametrize("packs", [["atlantis"], []])
def test_a_bundle_of_packs_that_are_not_there_is_no_file(packed, tmp_path, packs):
    with pytest.raises(StoreError, match="it has: arcadia, utopia"):
        bundle(packed, tmp_path / "one.zip", packs=packs)
    assert not (tmp_path / "one.zip").exists()


def test_a_bundle_of_a_whole_release_has_no_packs_to_choose(world, models, tmp_path):
    publish(world, models)
    with pytest.raises(StoreError, match="is not in packs"):
        bundle(world, tmp_path / "one.zip", packs=["utopia"])


def test_relief_maps_go_with_their_pack(store, collection, relief_encoder, other_models, space, serve, tmp_path):
    from coindex.models import read_index

    models = other_models("mapped", relief=b"one")
    relief_id = read_index(models / "models.json").relief.relief_id
    for number in range(12):
        collection.add(str(number % 3 + 7), 100 + number, country="Arcadia")
    import_photos(store, collection.read(), relief_encoder(relief_id), space_id=space, actor="test")
    packs_by_country(store, actor="test")
    assert publish(store, models).maps == 12
    assert verify(store).problems == ()
    pull(store, tmp_path / "home", serve, packs=["arcadia"])
    catalog = open_catalog(tmp_path / "home")
    maps = catalog.maps(read_index(models / "models.json"))
    there = [row for row in range(1, 19) if maps.get(row) is not None]
    assert len(there) == 6 and set(there) <= set(catalog.index.rows.row_ids.tolist())


def test_the_commands_make_list_move_and_remove_packs(world, models, command_line, tmp_path):
    def call(*arguments):
        code, out, err = command_line("catalog", *arguments, "--store", world.folder)
        assert code == 0, err
        return out

    assert "No packs" in call("packs", "list")
    call("packs", "set", "south", "--name", "The South", "--name", "de=Der Süden")
    call("packs", "put", "south", "--country", "Arcadia")
    assert "south" in call("packs", "list") and "Der Süden" in call("packs", "list", "--json")
    assert "in 2 packs" in call("publish", "--models", models)
    call("bundle", tmp_path / "south.zip", "--packs", "south")
    assert "utopia" in call("packs", "by-country")
    call("packs", "take-out", "--country", "Arcadia")
    call("packs", "remove", "south")
    assert "removed 1 packs" in call("packs", "clear")
    code, _, err = command_line("catalog", "packs", "put", "south", "--store", world.folder)
    assert code == 1 and "name what to move" in err


def test_the_command_loads_the_packs_of_an_export_and_names_a_file_that_is_none(world, command_line, tmp_path):
    wrong = tmp_path / "packs.json"
    for data, told in ((b"{", "not JSON"), (b"[]", "must be a JSON object"), (b'{"packs": [{}]}', "names is missing")):
        wrong.write_bytes(data)
        code, _, err = command_line("catalog", "packs", "load", wrong, "--store", world.folder)
        assert code == 1 and told in err
    wrong.write_text('{"packs": [{"pack_id": "east", "names": {"en": "East"}, "countries": ["Utopia"], "coins": []}]}')
    code, out, _ = command_line("catalog", "packs", "load", wrong, "--store", world.folder)
    assert code == 0 and "loaded 1 packs" in out
    assert "east" in command_line("catalog", "packs", "list", "--store", world.folder)[1]
