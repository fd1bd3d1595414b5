"""Sync in a real browser: signed releases over HTTP into its storage, and everything that may come in between."""

import datetime

import numpy as np
import pytest
from release_server import PACK, ReleaseServer, relief_map, relief_of
from support.recognizer_page import missing
from sync_page import browsers, sync_site
from tuf_repository import TufRepository

from coindex.catalog import CatalogIndex, state_hash
from coindex.relief import unpack_map
from coindex.sync.metadata import fingerprint

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

PICTURES = np.random.default_rng(3).bytes(3 << 20)
"""A pack that takes a while: three megabytes that nothing compresses."""


@pytest.fixture(scope="module")
def chromium():
    with browsers() as started:
        yield started


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site: its page is built once."""
    with sync_site(tmp_path_factory.mktemp("site"), ReleaseServer()) as (site, url):
        yield site, url


@pytest.fixture
def site(built):
    """The site with a new server that has published its first release."""
    site, _ = built
    site.server, site.asked, site.stalled, site.down = ReleaseServer().release(1), [], None, False
    site.reached.clear()
    site.go_on.clear()
    site.write()
    return site


@pytest.fixture
def device(site, built, chromium):
    with chromium.phone(built[1]) as device:
        yield device


@pytest.fixture
def synced(device):
    """A device that has release 1."""
    assert device.ask("syncCatalog")["route"] == "full"
    return device


def test_a_first_sync_brings_the_catalogue_that_python_has(site, device):
    assert device.ask("openedCatalog") is None
    offered, sizes = (
        device.ask("offered"),
        {name: file.length for name, file in site.server.repository.targets.targets.items()},
    )
    assert offered["version"] == 1
    assert offered["models"] + offered["catalogue"] == sum(sizes.values()) - sizes["release.json"]
    report = device.ask("syncCatalog")
    assert (report["fromVersion"], report["toVersion"]) == (None, 1)
    assert sorted(report["steps"]) == ["catalogue", "check", "models", "reading"]

    opened, state = device.ask("openedCatalog"), site.server.states[1]
    assert opened["stateHash"] == state_hash(state)
    assert (opened["rows"], opened["classes"]) == (len(state.rows), len(state.records))
    assert opened["fingerprint"] == report["fingerprint"] == fingerprint(site.server.metadata["1.root.json"])
    assert device.ask("thumbnail", {"row": 7}) == "picture 7"
    assert device.ask("thumbnail", {"row": 2000}) is None
    relief = relief_of([7])[0].relief_id
    assert device.ask("reliefMap", {"row": 7, "reliefId": relief}) == unpack_map(relief_map(7)).reshape(-1).tolist()
    assert device.ask("reliefMap", {"row": 2000, "reliefId": relief}) is None
    assert device.ask("reliefMap", {"row": 7, "reliefId": relief[::-1]}) is None


def test_nothing_new_is_two_requests(site, synced):
    site.asked.clear()
    report = synced.ask("syncCatalog")
    assert report["upToDate"] and report["bytesDownloaded"] < 2000
    assert [name for name, _ in site.asked] == ["2.root.json", "timestamp.json"]


def test_a_delta_is_followed_and_gives_the_answers_that_python_gives(site, synced):
    site.server.release(2, fresh=range(50, 60), tombstones=[3, 4], renamed=[2], deltas=[1])
    site.write()
    report = synced.ask("syncCatalog")
    assert (report["route"], report["toVersion"]) == ("delta", 2)

    state = site.server.states[2]
    assert synced.ask("openedCatalog")["stateHash"] == state_hash(state)
    index, queries = CatalogIndex.from_rows(state.rows), state.rows.codes[::7]
    expected = [[[hit.class_id, hit.row_id, hit.distance] for hit in index.search(code, 3)] for code in queries]
    assert synced.ask("searchCatalog", {"codes": queries.tolist(), "k": 3}) == expected


def test_the_catalogue_is_there_after_the_browser_was_restarted_without_a_server(site, built, chromium, tmp_path):
    with chromium.phone(built[1], tmp_path / "phone") as device:
        assert device.ask("syncCatalog")["toVersion"] == 1
    site.down = True
    with chromium.phone(built[1], tmp_path / "phone") as device:
        assert device.ask("openedCatalog")["version"] == 1
        assert device.ask("syncCatalog")["fault"] == "offline"
        assert device.ask("openedCatalog")["version"] == 1


def test_a_tab_closed_in_the_middle_of_a_download_goes_on_where_it_was(site, synced):
    site.server.release(2, files={PACK: PICTURES})
    site.write()
    site.stalled, site.stalled_after = PACK, 2 << 20
    closing = synced.open()
    closing.evaluate("() => void window.ask('syncCatalog', {})")
    assert site.reached.wait(timeout=20)
    # What the server has sent is in the browser's storage, give or take what is on its way.
    closing.wait_for_timeout(500)
    closing.close()
    assert synced.ask("openedCatalog")["version"] == 1

    site.stalled = None
    site.go_on.set()
    site.asked.clear()
    report = synced.ask("syncCatalog")
    assert report["toVersion"] == 2
    [(_, asked)] = [each for each in site.asked if each[0].endswith(PACK)]
    offset = int(asked.removeprefix("bytes=").removesuffix("-"))
    assert 1 << 20 < offset <= 2 << 20
    assert report["bytesDownloaded"] < len(PICTURES) - offset + 20_000
    assert synced.ask("openedCatalog")["version"] == 2


def test_two_tabs_do_not_sync_at_once(site, synced):
    site.server.release(2, files={PACK: PICTURES})
    site.write()
    site.stalled, site.stalled_after = PACK, 1000
    other = synced.open()
    other.evaluate("() => void window.ask('syncCatalog', {})")
    assert site.reached.wait(timeout=20)
    assert synced.ask("syncCatalog")["fault"] == "busy"
    site.go_on.set()


@pytest.mark.parametrize("blind", [False, True], ids=["known beforehand", "met while writing"])
def test_a_full_storage_leaves_the_old_catalogue_and_says_so(site, built, chromium, tmp_path, blind):
    with chromium.phone(built[1], tmp_path / "phone") as device:
        device.ask("syncCatalog")
        site.server.release(2, files={PACK: PICTURES})
        site.write()
        device.limit_storage(2 << 20)
        assert device.ask("syncCatalog", {"blind": blind})["fault"] == "storage-full"
        assert device.ask("openedCatalog")["version"] == 1
        device.limit_storage(None)
        assert device.ask("syncCatalog")["toVersion"] == 2


def forged(site):
    site.server.repository = TufRepository(seed=9)
    site.server.release(2)


def tampered_metadata(site):
    site.server.release(2)
    later = site.server.metadata["timestamp.json"].replace(b"2100-", b"2200-")
    assert later != site.server.metadata["timestamp.json"]
    site.server.metadata["timestamp.json"] = later


def tampered_target(site):
    site.server.release(2, fresh=[50])
    site.server.spoil("fresh.coinfresh", lambda data: bytes([data[0] ^ 1]) + data[1:])


def endless_target(site):
    site.server.release(2, fresh=[50])
    site.server.spoil("fresh.coinfresh", lambda data: data * 1000)


def endless_metadata(site):
    site.server.metadata["timestamp.json"] += b" " * (1 << 20)


def mixed(site):
    old = site.server.metadata["1.targets.json"]
    site.server.release(2)
    site.server.metadata["2.targets.json"] = old


def expired(site):
    site.server.repository.timestamp.expires = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    site.server.release(2)


def without_the_old_root_key(site):
    repository = site.server.repository
    repository.root.revoke_key(repository.signers["root"].pop().public_key.keyid, "root")
    repository.add_key("root")
    repository.publish_root()
    site.server.release(2)


def unfit(site):
    site.server.release(2, fresh=[50], manifest={"state_hash": "0" * 64})


@pytest.mark.parametrize(
    ("attack", "refusal"),
    [
        (forged, "signature"),
        (tampered_metadata, "signature"),
        (tampered_target, "mismatch"),
        (endless_target, "endless"),
        (endless_metadata, "endless"),
        (mixed, "mismatch"),
        (expired, "expired"),
        (without_the_old_root_key, "signature"),
        (unfit, "unfit"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_not_as_it_was_signed_is_refused_and_the_old_catalogue_works_on(site, synced, attack, refusal):
    attack(site)
    site.write()
    assert synced.ask("syncCatalog").get("refusal") == refusal
    assert synced.ask("openedCatalog")["version"] == 1


def test_a_release_that_was_rolled_back_is_refused(site, synced):
    first = site.server.metadata["timestamp.json"]
    site.server.release(2)
    site.write()
    assert synced.ask("syncCatalog")["toVersion"] == 2
    site.server.metadata["timestamp.json"] = first
    site.write()
    assert synced.ask("syncCatalog")["refusal"] == "rollback"
    assert synced.ask("openedCatalog")["version"] == 2


def test_keys_that_were_rotated_are_followed(site, synced):
    site.server.repository.rotate("root", "timestamp", "targets")
    site.server.release(2)
    site.write()
    assert synced.ask("syncCatalog")["toVersion"] == 2
    assert synced.ask("openedCatalog")["fingerprint"] == fingerprint(site.server.metadata["1.root.json"])
