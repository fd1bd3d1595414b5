"""A disk in memory that keeps only the promises of a real one: after a power cut, what was never synced is anyone's
guess.

`CrashDisk` stops at the operation that it is told to, fails it, or fills up; `after_power_cut` gives the disk that the
device finds when it starts again. What was pending then is up to a `Survival`: the names made, changed and removed in a
folder since it was last synced, and the bytes written to a file since it was.
"""

import errno
import io
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random


class PowerCut(BaseException):
    """No handler of errors may go on after this: every operation from here on raises it again."""


@dataclass(eq=False)
class File:
    """`cached` is what a reader sees, `durable` what a power cut leaves; `lost` says that a sync of it has failed,
    after which the system takes the cached bytes for written and no later sync writes them (Rebello et al., USENIX
    ATC 2020)."""

    cached: bytes = b""
    durable: bytes = b""
    lost: bool = False


@dataclass(eq=False)
class Folder:
    """`changes` are what was done to the names since the last sync, each at once or not at all."""

    cached: dict = field(default_factory=dict)
    durable: dict = field(default_factory=dict)
    changes: list = field(default_factory=list)

    def change(self, names):
        self.changes.append(names)
        _apply(self.cached, names)


@dataclass(frozen=True)
class Survival:
    """What of the pending is there after a power cut.

    `names`: `none`, `all`, the first few (`prefix`) or any (`some`). `contents` of each file: what was synced (`none`),
    `all`, a piece of what was not (`prefix`), its length in zeros (`zeros`) or in noise (`noise`), or any of these
    (`some`).
    """

    names: str
    contents: str
    seed: int = 0


LOST, KEPT = Survival("none", "none"), Survival("all", "all")
SURVIVALS = (
    LOST,
    KEPT,
    Survival("all", "none"),
    Survival("all", "zeros"),
    Survival("all", "prefix"),
    Survival("prefix", "noise"),
    *(Survival("some", "some", seed) for seed in range(2)),
)


class CrashDisk:
    """A `coindex.disk.Disk` in memory, with `/` as its only folder at first.

    The power goes at operation `stop_at`, in the middle of it where it writes; operation `fail_at` fails; after `room`
    more bytes there is no space left. Operations that change something are counted from 0, and noted in `done` as
    (name, path, bytes).
    """

    def __init__(self, root=None, *, stop_at=None, fail_at=None, room=None):
        self._root = root or Folder()
        self._stop_at, self._fail_at, self._room = stop_at, fail_at, room
        self._locked, self._dead = set(), False
        self.done = []

    def after_power_cut(self, survival=LOST, **faults):
        """The disk that is there when the device starts again; this one is left as it is."""
        return CrashDisk(_survivor(self._root, survival, Random(survival.seed)), **faults)

    def make_folder(self, folder):
        for path in (*reversed(folder.parents), folder):
            if path.name and path.name not in self._folder(path.parent).cached:
                self._step("make_folder", path)
                self._folder(path.parent).change({path.name: Folder()})

    def write(self, path, data):
        file = self._folder(path.parent).cached.get(path.name)
        if file is None:
            self._append("write", path, File(), data)
        else:
            file.cached, file.lost = b"", False
            self._append("write", path, file, data)

    def append(self, path, data):
        self._append("append", path, self._folder(path.parent).cached.get(path.name) or File(), data)

    def sync_file(self, path):
        file = self._file(path)
        try:
            self._step("sync_file", path)
        except OSError:
            file.lost = True
            raise
        if not file.lost:
            file.durable = file.cached

    def rename(self, source, target):
        assert source.parent == target.parent, "a rename between folders needs both of them synced"
        file = self._file(source)
        self._step("rename", target)
        self._folder(source.parent).change({source.name: None, target.name: file})

    def sync_folder(self, folder):
        names = self._folder(folder)
        self._step("sync_folder", folder)
        names.durable, names.changes = dict(names.cached), []

    def remove(self, path):
        if path.name in self._folder(path.parent).cached:
            self._step("remove", path)
            self._folder(path.parent).change({path.name: None})

    def names(self, folder):
        return sorted(self._folder(folder).cached)

    def size(self, path):
        try:
            return len(self._file(path).cached)
        except FileNotFoundError:
            return None

    def open(self, path):
        return io.BytesIO(self._file(path).cached)

    @contextmanager
    def lock(self, path):
        held = path not in self._locked
        self._locked.add(path)
        try:
            yield held
        finally:
            if held:
                self._locked.remove(path)

    def spoil(self, path, change):
        """Put other bytes on the disk behind the back of whoever uses it."""
        file = self._file(path)
        file.cached = file.durable = change(file.cached)

    def _append(self, name, path, file, data):
        folder = self._folder(path.parent)
        try:
            self._step(name, path, len(data))
            if self._room is not None and len(data) > self._room:
                data, self._room = data[: self._room], 0
                raise OSError(errno.ENOSPC, "No space left on device")
        except (PowerCut, OSError) as fault:
            data = data if isinstance(fault, OSError) and fault.errno == errno.ENOSPC else data[: len(data) // 2]
            raise
        finally:
            file.cached += data
            self._room = self._room and self._room - len(data)
            if folder.cached.get(path.name) is not file:
                folder.change({path.name: file})

    def _step(self, name, path, length=0):
        self._live()
        number = len(self.done)
        self.done.append((name, path, length))
        if number == self._stop_at:
            self._dead = True
            raise PowerCut(f"operation {number}, {name} {path}")
        if number == self._fail_at:
            raise OSError(errno.EIO, "Input/output error")

    def _live(self):
        if self._dead:
            raise PowerCut("the power is gone")

    def _folder(self, path):
        self._live()
        node = self._root
        for name in path.parts[1:]:
            node = node.cached.get(name)
            if not isinstance(node, Folder):
                raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return node

    def _file(self, path):
        node = self._folder(path.parent).cached.get(path.name)
        if not isinstance(node, File):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return node


def _apply(names, change):
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _survivor(node, survival, random):
    """The node as a power cut leaves it, all of it durable."""
    if isinstance(node, File):
        data = _bytes_left(node, survival.contents, random)
        return File(data, data)
    names = dict(node.durable)
    for change in _changes_left(node.changes, survival.names, random):
        _apply(names, change)
    left = {name: _survivor(names[name], survival, random) for name in sorted(names)}
    return Folder(left, dict(left))


def _changes_left(changes, survival, random):
    if survival == "prefix":
        return changes[: random.randint(0, len(changes))]
    if survival == "some":
        return [change for change in changes if random.random() < 0.5]
    return changes if survival == "all" else []


def _bytes_left(file, survival, random):
    synced, written = file.durable, file.cached
    if synced == written:
        return synced
    if survival == "some":
        survival = random.choice(["none", "all", "prefix", "zeros", "noise"])
    if survival == "none" or (survival == "all" and file.lost):
        return synced
    settled = len(synced) if written.startswith(synced) else 0
    pending = written[settled:]
    if survival == "prefix":
        pending = pending[: random.randint(0, max(len(pending) - 1, 0))]
    elif survival == "zeros":
        pending = bytes(len(pending))
    elif survival == "noise":
        pending = random.randbytes(len(pending))
    return written[:settled] + pending
