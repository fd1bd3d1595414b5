"""A folder is the former one or the new one, whatever happens in between."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from coindex.errors import ExportError
from export import replace
from export.replace import replaced_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    former = tmp_path / "models"
    (former / "package").mkdir(parents=True)
    (former / "README.md").write_text("card")
    (former / "package" / "weights").write_text("former")
    return former


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_was_changed_takes_the_folders_place_beside_what_was_not(folder: Path) -> None:
    with replaced_folder(folder) as new:
        (new / "package" / "weights").write_text("new")
        (new / "net").write_text("net")
        assert content(folder) == {"README.md": "card", "package/weights": "former"}
    assert content(folder) == {"README.md": "card", "net": "net", "package/weights": "new"}
    assert [path.name for path in folder.parent.iterdir()] == ["models"]


def test_a_folder_that_was_not_there_is_made_at_the_end(tmp_path: Path) -> None:
    with replaced_folder(tmp_path / "deep" / "models") as new:
        (new / "net").write_text("net")
        assert not (tmp_path / "deep" / "models").exists()
    assert content(tmp_path / "deep" / "models") == {"net": "net"}


@pytest.mark.parametrize("error", [RuntimeError("a stage failed"), KeyboardInterrupt()])
def test_a_failure_leaves_the_former_folder_and_nothing_else(folder: Path, error: BaseException) -> None:
    before = content(folder)
    with pytest.raises(type(error)), replaced_folder(folder) as new:
        (new / "package" / "weights").write_text("half")
        raise error
    assert content(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["models"]


@pytest.mark.parametrize("step", ["write", "fsync", "exchange"])
def test_a_full_disk_is_named_and_leaves_the_former_folder(
    folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, full = content(folder), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail(*_: object) -> None:
        raise full

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    if step == "exchange":
        monkeypatch.setattr(replace, "_exchange", fail)
    refused = pytest.raises(ExportError, match=r"models: cannot be written \(No space left on device\).*unchanged")
    with refused, replaced_folder(folder) as new:
        (new / "package" / "weights").write_text("new")
        if step == "write":
            raise full
    assert content(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["models"]


def test_a_disk_without_room_for_the_copy_is_named_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "package" / "program").write_text("former")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", fail)
    before = content(folder)
    with pytest.raises(ExportError, match="cannot be written") as refused, replaced_folder(folder):
        pass
    assert str(refused.value).count("No space left") == 1
    assert content(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["models"]


def test_where_the_system_cannot_swap_folders_two_renames_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Without:
        """A C library of neither system."""

        def __init__(self, *_: object, **__: object) -> None:
            pass

    monkeypatch.setattr(replace.ctypes, "CDLL", Without)
    monkeypatch.setattr(replace.sys, "platform", "elsewhere")
    with replaced_folder(folder) as new:
        (new / "README.md").write_text("new card")
    assert content(folder) == {"README.md": "new card", "package/weights": "former"}
    assert [path.name for path in folder.parent.iterdir()] == ["models"]
