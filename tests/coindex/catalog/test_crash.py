"""Whatever stops a sync or spoils its files, the catalogue that opens is the old one or the new one, whole, and the
next sync ends in the new one.

A case is a scenario, what a device has and what it is about to fetch, and one fault. Each group of cases is a list made
from what the scenario does when nothing goes wrong, so that no write point is left out and all can be counted.
"""

import copy
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from crash_disk import KEPT, LOST, SURVIVALS, CrashDisk, PowerCut, Survival
from release_server import CHECKPOINT, FRESH_NAME, SHARD, ReleaseServer, relief_map, space_of

from coindex.catalog import CatalogState, open_catalog, state_hash
from coindex.catalog.pointer import read_target
from coindex.errors import CatalogError, SyncError
from coindex.models import read_index
from coindex.relief import pack_map
from coindex.sync import sync

pytestmark = pytest.mark.slow

HOME = Path("/device")
BOTH = ("north", "south")
POINTER = HOME / "current.json"
TARGETS = HOME / "targets"
METADATA = HOME / "metadata"
SOME = Survival("some", "some", seed=9)


@dataclass(frozen=True, eq=False)
class Scenario:
    """A device's disk before a sync, the server that it asks, and the states, old and new, by their hashes; no old one
    where the device has no catalogue, or one that is damaged."""

    name: str
    server: ReleaseServer
    disk: CrashDisk
    old: str | None
    new: str
    packs: tuple[str, ...] | None = None

    def pull(self, disk, change=lambda server: None):
        """Sync; `change` spoils what the server says."""
        server = copy.copy(self.server)
        server.disk, server.targets, server.metadata = disk, dict(server.targets), dict(server.metadata)
        server.asked, server.fetched = [], []
        change(server)
        report = sync("http://server", HOME, fetcher=server, disk=disk, packs=self.packs)
        return report, server


@cache
def scenarios():
    server = ReleaseServer()
    server.release(1, range(1, 13))
    first = frozen(server)
    # A row that goes, one that changes its code under its id, one that comes, and a class that is renamed.
    server.release(2, range(1, 13), fresh=[3, 14], tombstones=[3, 4], renamed=[2], deltas=[1])
    second = frozen(server)
    server.release(3, range(5, 20), renamed=[2, 5], deltas=[1, 2])
    third = frozen(server)
    full = frozen(server.release(4, range(5, 22)))
    # The same release under another root, signed by new keys of every role.
    server.repository.rotate("root", "targets", "snapshot", "timestamp")
    server.serve()
    rotated = frozen(server)
    newer = "d1" * 32
    moved = frozen(server.side_by_side(5, newer, CHECKPOINT, ids=range(5, 22)))
    there = state_hash(server.states.pop((5, space_of(newer))))
    del server.states[5, space_of(CHECKPOINT)]
    hashes = {version: state_hash(state) for version, state in server.states.items()}

    packed = ReleaseServer()
    split = frozen(packed.in_packs(1, {"north": (1, 2), "south": (3, 4, 5)}, range(1, 22)))
    shifted = frozen(packed.in_packs(2, {"north": (1, 2, 3), "south": (4, 5)}, range(1, 24), deltas=[1]))
    parts = {key: state_hash(state) for key, state in packed.states.items()}
    together = [state_hash(ReleaseServer().release(1, range(1, last)).states[1]) for last in (22, 24)]

    def device(*pulled, packs=None):
        disk = CrashDisk()
        for server in pulled:
            sync("http://server", HOME, fetcher=_with(server, disk), disk=disk, packs=packs)
        return disk.after_power_cut(LOST)

    damaged = device(first, third)
    [own] = [name for name in damaged.names(TARGETS) if name.endswith(FRESH_NAME)]
    damaged.spoil(TARGETS / own, lambda data: data[:-1])
    return {
        scenario.name: scenario
        for scenario in (
            Scenario("a first sync", first, CrashDisk(), None, hashes[1]),
            Scenario("a delta", second, device(first), hashes[1], hashes[2]),
            Scenario("a delta over a delta, across a compaction", third, device(first, second), hashes[2], hashes[3]),
            Scenario("new shards", full, device(first, second), hashes[2], hashes[4]),
            Scenario("mending a file that the device made", third, damaged, None, hashes[3]),
            Scenario("new keys", rotated, device(full), hashes[4], hashes[4]),
            Scenario("new models", moved, device(rotated), hashes[4], there),
            Scenario(
                "a further pack",
                split,
                device(split, packs=["north"]),
                parts[1, "north"],
                together[0],
                ("north", "south"),
            ),
            Scenario("a class that moves between packs", shifted, device(split), together[0], together[1]),
        )
    }


def frozen(server):
    """The server as it is now, whatever it publishes later."""
    server = copy.copy(server)
    server.repository = copy.deepcopy(server.repository)
    return server


def _with(server, disk):
    server = copy.copy(server)
    server.disk = disk
    return server


EACH = ("a first sync", "a delta", "a delta over a delta, across a compaction", "new shards",
        "mending a file that the device made", "new keys", "new models", "a further pack",
        "a class that moves between packs")  # fmt: skip


def opened(disk):
    """The catalogue that opens, and the hash of its state, computed from what is read; None, None where an error says
    that none does."""
    try:
        catalog = open_catalog(HOME, disk=disk)
    except CatalogError as error:
        assert "sync again" in str(error) or "coindex sync" in str(error)
        return None, None
    found = state_hash(CatalogState(catalog.manifest.space_id, catalog.index.rows, catalog.records))
    assert found == catalog.manifest.state_hash
    return catalog, found


def assert_whole(scenario, disk):
    """The old state or the new one opens, with every file that goes with it; its hash."""
    catalog, found = opened(disk)
    assert found in (scenario.old, scenario.new)
    if catalog:
        for target in catalog.targets.values():
            read_target(HOME, target, disk=disk)
        models = catalog.targets[catalog.manifest.models_index]
        index = read_index(HOME / models.name, read=lambda _: read_target(HOME, models, disk=disk))
        catalog.require_space(index)
        assert catalog.thumbnail(5) == b"picture 5"
        assert pack_map(catalog.maps(index).get(5)) == relief_map(5)
    return found


def assert_ends_in_the_new_state(scenario, disk):
    try:
        scenario.pull(disk)
    except CatalogError as error:
        assert "current.json" in str(error) and "delete it and sync again" in str(error)
        disk.remove(POINTER)
        scenario.pull(disk)
    # What a sync has reported is durable.
    assert assert_whole(scenario, disk.after_power_cut(LOST)) == scenario.new


@cache
def operations(name):
    """What a sync does to the disk when nothing goes wrong."""
    disk = scenarios()[name].disk.after_power_cut()
    scenarios()[name].pull(disk)
    return tuple(disk.done)


def stops():
    """The power goes at every operation, and every kind of thing survives."""
    return [(name, at, survival) for name in EACH for at in range(len(operations(name))) for survival in SURVIVALS]


def failures():
    """Every operation fails once; the power goes then, or after the user has synced again on the same system."""
    return [
        (name, at, survival, again)
        for name in EACH
        for at in range(len(operations(name)))
        for survival, again in ((LOST, False), (SOME, False), (LOST, True))
    ]


def full_disks():
    """No space is left before, in the middle of, and one byte before the end of every write."""
    cases = []
    for name in EACH:
        written = 0
        for _, _, length in operations(name):
            if length:
                rooms = sorted({written, written + length // 2, written + length - 1})
                cases += [(name, room, survival) for room in rooms for survival in (LOST, KEPT)]
            written += length
    return cases


def places(length):
    """Some places of a file: its ends, and all over."""
    return sorted({0, length - 1, *range(length // 12, length, max(length // 6, 1))} & {*range(length)})


def flip(place, bit):
    return lambda data: data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def spoils(data, others):
    """Ways to spoil a file: a bit flipped, the end cut off or drawn out, another file in its place."""
    return [
        *((f"bit {place % 8} of byte {place} flipped", flip(place, place % 8)) for place in places(len(data))),
        *((f"cut to {length} bytes", lambda data, length=length: data[:length])
          for length in sorted({0, 1, len(data) // 2, len(data) - 1})),
        ("a byte too long", lambda data: data + b"\0"),
        *((f"replaced by {name}", lambda _, other=other: other) for name, other in others if other != data),
    ]  # fmt: skip


DEVICES = ("a delta", "a delta over a delta, across a compaction", "a class that moves between packs")


def damages():
    """Every file of a device spoiled, on a device with a catalogue."""
    cases = []
    for name in DEVICES:
        disk = scenarios()[name].disk
        paths = [POINTER, *(folder / name for folder in (TARGETS, METADATA) for name in disk.names(folder))]
        files = {path: disk.open(path).read() for path in paths}
        for path, data in files.items():
            others = [(other.name[-20:], files[other]) for other in paths[:2]]
            cases += [(name, path, what, change) for what, change in spoils(data, others)]
            cases.append((name, path, "deleted", None))
    return cases


def answers():
    """Every answer of a server spoiled: each file that is asked for, of the metadata and of the targets."""
    cases = []
    for name in EACH:
        scenario = scenarios()[name]
        _, server = scenario.pull(scenario.disk.after_power_cut())
        files = {file: server.targets[server.stored(file)] for file in server.fetched}
        files |= {file: server.metadata[file] for file in server.asked if file in server.metadata}
        for file, data in files.items():
            others = [(other, files[other]) for other in list(files)[:2]]
            cases += [(name, file, what, change) for what, change in spoils(data, others)]
    return cases


def replays():
    """Earlier answers given again: the metadata of each earlier release, and each of its files for the one of that
    name."""
    first, second, third = (scenarios()[name].server for name in EACH[:3])
    cases = [
        (
            "a delta over a delta, across a compaction",
            "the metadata of release 1",
            lambda server: replay_metadata(server, first),
        ),
        ("new shards", "the metadata of release 1", lambda server: replay_metadata(server, first)),
        (
            "new shards",
            "the metadata of release 3 after the device asked for 4",
            lambda server: replay_metadata(server, third),
        ),
    ]
    for name, old in (("a delta", first), ("new shards", first), ("new shards", second)):
        for file in old.repository.targets.targets:
            cases.append(
                (name, f"an earlier {file}", lambda server, old=old, file=file: replay_file(server, old, file))
            )
    older = "delta-1-2.coindelta", "delta-1-3.coindelta"
    for file in older:
        cases.append((EACH[2], f"{file} for the delta", lambda server, file=file: replay_delta(server, file)))
    return cases


def replay_metadata(server, old):
    server.metadata = old.metadata


def replay_file(server, old, file):
    if file in server.repository.targets.targets:
        server.targets[server.stored(file)] = old.targets[old.stored(file)]


def replay_delta(server, file):
    [old] = [data for path, data in server.targets.items() if path.endswith("." + file)]
    server.targets[server.stored("delta-2-3.coindelta")] = old


GROUPS = {
    "power cuts": stops,
    "failing operations": failures,
    "full disks": full_disks,
    "damaged files": damages,
    "spoiled answers": answers,
    "replayed answers": replays,
}


@pytest.mark.parametrize("name", EACH)
def test_a_power_cut_at_any_operation_leaves_the_old_state_or_the_new(name):
    scenario = scenarios()[name]
    for _, at, survival in (case for case in stops() if case[0] == name):
        disk = scenario.disk.after_power_cut(stop_at=at)
        with pytest.raises(PowerCut):
            scenario.pull(disk)
        left = disk.after_power_cut(survival)
        assert_whole(scenario, left)
        assert_ends_in_the_new_state(scenario, left)


@pytest.mark.parametrize("name", EACH)
def test_an_operation_that_fails_leaves_the_old_state_or_the_new(name):
    scenario = scenarios()[name]
    for _, at, survival, again in (case for case in failures() if case[0] == name):
        disk = scenario.disk.after_power_cut(fail_at=at)
        with pytest.raises(SyncError, match="Input/output error"):
            scenario.pull(disk)
        assert_whole(scenario, disk)
        if again:
            assert_ends_in_the_new_state(scenario, disk)
        left = disk.after_power_cut(survival)
        assert_whole(scenario, left)
        assert_ends_in_the_new_state(scenario, left)


@pytest.mark.parametrize("name", EACH)
def test_a_disk_that_fills_up_leaves_the_old_state(name):
    scenario = scenarios()[name]
    for _, room, survival in (case for case in full_disks() if case[0] == name):
        disk = scenario.disk.after_power_cut(room=room)
        with pytest.raises(SyncError, match="No space left"):
            scenario.pull(disk)
        assert opened(disk)[1] == scenario.old
        left = disk.after_power_cut(survival)
        assert assert_whole(scenario, left) == scenario.old
        assert_ends_in_the_new_state(scenario, left)


def test_a_damaged_file_is_never_taken_for_a_catalogue_and_mended_by_the_next_sync():
    for name, path, _, change in damages():
        scenario = scenarios()[name]
        disk = scenario.disk.after_power_cut()
        if change:
            disk.spoil(path, change)
        else:
            disk.remove(path)
        assert opened(disk)[1] in (scenario.old, None)
        assert_ends_in_the_new_state(scenario, disk)


def test_a_spoiled_answer_is_refused_or_done_without():
    for name, file, _, change in answers():
        scenario = scenarios()[name]
        disk = scenario.disk.after_power_cut()

        def spoil(server, file=file, change=change):
            files, path = (server.metadata, file) if file in server.metadata else (server.targets, server.stored(file))
            files[path] = change(files[path])

        try:
            scenario.pull(disk, spoil)
        except SyncError:
            assert assert_whole(scenario, disk) == scenario.old
        else:
            assert assert_whole(scenario, disk) == scenario.new
        assert_ends_in_the_new_state(scenario, disk)


def test_a_replayed_answer_is_refused_or_done_without():
    for name, _, change in replays():
        scenario = scenarios()[name]
        disk = scenario.disk.after_power_cut()
        try:
            scenario.pull(disk, change)
        except SyncError:
            assert assert_whole(scenario, disk) == scenario.old
        else:
            assert opened(disk)[1] in (scenario.old, scenario.new, state_hash(scenario.server.states[3]))
        assert_ends_in_the_new_state(scenario, disk)


def test_a_thousand_cases_are_tried_with_every_write_point_among_them():
    tally = {name: len(cases()) for name, cases in GROUPS.items()}
    points = sum(len(operations(name)) for name in EACH)
    print(f"\n{sum(tally.values())} cases: {tally}; {points} operations of {len(EACH)} scenarios:")
    print(Counter(kind for name in EACH for kind, _, _ in operations(name)))
    assert sum(tally.values()) >= 1000
    assert {(name, at) for name, at, _ in stops()} == {
        (name, at) for name in EACH for at in range(len(operations(name)))
    }


def test_the_scenarios_take_the_routes_that_they_are_named_for():
    routes = {}
    for name, scenario in scenarios().items():
        report, server = scenario.pull(scenario.disk.after_power_cut())
        routes[name] = report.route, SHARD in server.fetched
    full, delta, kept = ("full", True), ("delta", False), ("kept", False)
    assert list(routes.values()) == [full, delta, delta, full, full, kept, ("full", False), ("full", False), delta]
