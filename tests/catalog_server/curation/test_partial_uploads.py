"""Archives in pieces: each is there once and whole, whatever is sent twice or fails."""

import errno
import os
from pathlib import Path

import pytest

from catalog_server.curation.partial_uploads import add_piece, begin_upload, drop_upload, received, whole_upload
from coindex.errors import ManifestError, StaleChange, StoreError

ANN = "user:ann"


def test_pieces_make_the_file_and_one_that_is_sent_twice_is_there_once(store):
    upload = begin_upload(store, 10, actor=ANN)
    assert add_piece(store, upload, 0, b"01234", actor=ANN) == 5
    with pytest.raises(StaleChange, match="5 bytes are here and not 0"):
        add_piece(store, upload, 0, b"01234", actor=ANN)
    with pytest.raises(ManifestError, match="5 of 10 bytes"):
        whole_upload(store, upload, actor=ANN)
    assert received(store, upload, actor=ANN) == (5, 10)
    assert add_piece(store, upload, 5, b"56789", actor=ANN) == 10
    assert whole_upload(store, upload, actor=ANN).read_bytes() == b"0123456789"
    drop_upload(store, upload, actor=ANN)
    assert list(store.staging.iterdir()) == []


def test_more_than_was_said_is_refused_and_what_is_here_stays(store):
    upload = begin_upload(store, 4, actor=ANN)
    add_piece(store, upload, 0, b"012", actor=ANN)
    with pytest.raises(ManifestError, match="more than the 4 bytes"):
        add_piece(store, upload, 3, b"34", actor=ANN)
    assert received(store, upload, actor=ANN) == (3, 4)


@pytest.mark.parametrize("size", (0, -1, 2 << 30))
def test_an_upload_of_no_size_or_too_large_is_not_begun(store, size):
    with pytest.raises(ManifestError, match="are allowed"):
        begin_upload(store, size, actor=ANN)


@pytest.mark.parametrize("upload", ("0" * 32, "../../etc", "x", ""))
def test_what_is_no_upload_or_anothers_is_not_here(store, upload):
    own = begin_upload(store, 4, actor=ANN)
    for asked, actor in ((upload, ANN), (own, "user:bob")):
        with pytest.raises(ManifestError, match="no such upload"):
            received(store, asked, actor=actor)


def test_a_piece_that_finds_no_room_leaves_what_came_before(store, monkeypatch):
    upload = begin_upload(store, 10, actor=ANN)
    add_piece(store, upload, 0, b"01234", actor=ANN)
    real = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, piece):
            self.file.write(piece[:2])
            self.file.flush()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", lambda path, *given, **more: Full(real(path, *given, **more)))
    with pytest.raises(StoreError, match="No space left"):
        add_piece(store, upload, 5, b"56789", actor=ANN)
    monkeypatch.undo()
    assert received(store, upload, actor=ANN) == (5, 10)
    add_piece(store, upload, 5, b"56789", actor=ANN)
    assert whole_upload(store, upload, actor=ANN).read_bytes() == b"0123456789"
