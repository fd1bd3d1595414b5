"""Coins that collectors offer: taken in as a file, looked at by a curator, accepted or rejected with a word.

Nothing of a proposal is in the catalogue before it is accepted. What a step changes of the catalogue and of the
proposal is one transaction.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from catalog_server.curation.coins import made_coin
from catalog_server.curation.encoding import Encode, encode_file
from catalog_server.curation.photos import NewPhoto, keep_photos
from catalog_server.curation.preconditions import clean_field, live_coin
from catalog_server.curation.uploads import MAX_PHOTO_BYTES, ReadFile, archive_files, photo_anew
from catalog_server.store import ProposalPhotoRow, ProposalRow, Store, now
from catalog_server.store.audit import record
from coindex.catalog.document import parse_json
from coindex.errors import ManifestError, PhotoError, StoreError
from coindex.facts import FACTS, clean_facts, written_facts
from coindex.manifest import LABEL_FIELDS, SIDES, CoinClass
from coindex.text import MAX_TEXT, clean

__all__ = [
    "MAX_PROPOSAL_BYTES",
    "MAX_WAITING",
    "Proposal",
    "SentProposal",
    "TooMany",
    "accept_photos",
    "add_proposal",
    "find_proposal",
    "list_proposals",
    "proposal_of",
    "proposal_photo",
    "read_proposal",
    "reject_proposal",
    "require_room",
    "sender_of",
]

FORMAT = 1
DOCUMENT = "proposal.json"
MAX_PROPOSAL_BYTES = 64 << 20
MAX_DOCUMENT_BYTES = 64 << 10
MAX_PHOTOS = 6
MAX_NOTE = 2000
MAX_WAITING = 200
"""Proposals that wait: with six photos each they come to about two gigabytes."""
AN_HOUR, AN_HOURS = 3600, 10
"""Seconds, and proposals from one address within them."""

OF_PHOTOS = ("year", "specimen")
FIELDS = (*LABEL_FIELDS, "design", *OF_PHOTOS, *FACTS)


class TooMany(StoreError):
    """More proposals wait, or came from one address, than are taken; `retry_after` are the seconds until more are, None
    where that is the curator's to say."""

    def __init__(self, words: str, *, retry_after: int | None) -> None:
        super().__init__(words)
        self.retry_after = retry_after


@dataclass(frozen=True)
class SentProposal:
    """A proposal as it was sent, its texts clean and its photos, JPEGs, re-encoded from their pixels."""

    name: str
    note: str
    fields: Mapping[str, str]
    app: str
    photos: tuple[bytes, ...]


@dataclass(frozen=True)
class Proposal:
    """A proposal as it is kept; `photo_ids` are those that nobody has decided about."""

    proposal_id: int
    receipt: str
    state: str
    created: str
    name: str
    note: str
    fields: Mapping[str, str]
    app: str
    word: str
    class_id: int | None
    photo_ids: tuple[int, ...]


def read_proposal(file: IO[bytes]) -> SentProposal:
    """Read the file of a proposal.

    Raises:
        ManifestError: If the file is not a proposal.
        PhotoError: If one of its photos cannot be used.
    """
    with archive_files(file) as files:
        if DOCUMENT not in files:
            raise ManifestError(f"the file has no {DOCUMENT}; send what the app wrote")
        try:
            return _sent(files)
        except ValueError as error:
            raise ManifestError(f"{DOCUMENT}: {error}; send what the app wrote") from None


def add_proposal(store: Store, sent: SentProposal, *, actor: str, sender: str = "") -> Proposal:
    """Keep a proposal for the curator.

    Args:
        sender: The sender, as `sender_of` names them; blank for one who may send any number.

    Raises:
        TooMany: If too many proposals wait, in all or of this sender.
    """
    at = time.time()
    with store.changing() as session:
        # The addresses of those that cannot count any more are forgotten.
        session.execute(update(ProposalRow).where(ProposalRow.at < at - AN_HOUR).values(sender=""))
        _require_room(session, sender, at)
        row = ProposalRow(
            receipt=secrets.token_hex(16),
            state="waiting",
            created=now(),
            at=at,
            sender=sender,
            name=sent.name,
            note=sent.note,
            fields=dict(sent.fields),
            app=sent.app,
            word="",
            photos=[ProposalPhotoRow(data=data) for data in sent.photos],
        )
        session.add(row)
        session.flush()
        record(session, actor=actor, action="proposal.add", subject=f"proposal:{row.proposal_id}", name=row.name)
        return _kept(row)


def require_room(store: Store, sender: str) -> None:
    """Check, before it is read, that a proposal of a sender would be accepted.

    Raises:
        TooMany: If too many proposals wait, in all or of this sender.
    """
    with store.reading() as session:
        _require_room(session, sender, time.time())


def sender_of(address: str, key: str) -> str:
    """An address as it is kept: it cannot be found from this without the key."""
    return hmac.digest(key.encode(), address.encode(), "sha256").hex()[:16]


def list_proposals(store: Store, *, waiting: bool, limit: int) -> tuple[Proposal, ...]:
    """Proposals that wait, the oldest first, or those that are decided, the newest first."""
    wanted = ProposalRow.state == "waiting" if waiting else ProposalRow.state != "waiting"
    order = ProposalRow.proposal_id if waiting else ProposalRow.proposal_id.desc()
    with store.reading() as session:
        return tuple(map(_kept, session.scalars(select(ProposalRow).where(wanted).order_by(order).limit(limit))))


def find_proposal(store: Store, proposal_id: int) -> Proposal | None:
    """A proposal by its number, None where there is none."""
    with store.reading() as session:
        row = session.get(ProposalRow, proposal_id)
        return _kept(row) if row else None


def proposal_of(store: Store, receipt: str) -> Proposal | None:
    """The proposal of a receipt, None where there is none."""
    with store.reading() as session:
        row = session.scalar(select(ProposalRow).where(ProposalRow.receipt == receipt))
        return _kept(row) if row else None


def proposal_photo(store: Store, proposal_id: int, photo_id: int) -> bytes | None:
    """A photo, a JPEG, that nobody has decided about; None where there is none."""
    with store.reading() as session:
        row = session.get(ProposalPhotoRow, photo_id)
        return row.data if row and row.proposal_id == proposal_id else None


def accept_photos(
    store: Store,
    proposal_id: int,
    photo_ids: Sequence[int],
    encoders: Mapping[str, Encode],
    *,
    actor: str,
    class_id: int | None = None,
    label: CoinClass | None = None,
    design: str = "",
    facts: Mapping[str, object] | None = None,
    year: str = "",
    specimen: str = "",
) -> int:
    """Add photos of a proposal to a class, or to a new class with this `label`. The other photos go on waiting.

    Nothing is changed where an error is raised.

    Args:
        class_id: The class; None makes a new one.

    Returns:
        The class id.

    Raises:
        StoreError: If the proposal or a photo no longer waits, no photo is given, or the class cannot be made or
            changed.
        PhotoError: If a photo cannot be read.
        NoCoinFound: If a photo shows no coin.
        SpaceMismatch: If `encoders` are not of the live spaces.
    """
    if not photo_ids:
        raise StoreError("no photo is chosen; tick the photos to accept")
    told = {"specimen": specimen, "year": year}
    photos = [_encoded(store, proposal_id, photo_id, encoders, told) for photo_id in dict.fromkeys(photo_ids)]
    with store.changing() as session:
        row = _waiting(session, proposal_id)
        gone = delete(ProposalPhotoRow).where(
            ProposalPhotoRow.proposal_id == proposal_id, ProposalPhotoRow.photo_id.in_(photo_ids)
        )
        if session.execute(gone).rowcount != len(photos):  # type: ignore[attr-defined]
            raise StoreError("somebody else has decided about these photos; load the page again")
        if class_id is not None:
            coin = live_coin(session, class_id)
        elif label is not None:
            coin = made_coin(session, label, design, facts or {}, actor)
        else:
            raise StoreError("neither a class nor a label is given; choose where the photos belong")
        keep_photos(store, session, coin, photos, actor)
        row.class_id = coin.class_id
        session.expire(row, ["photos"])
        if not row.photos:
            row.state = "accepted"
        taken = {"class_id": coin.class_id, "photos": len(photos)}
        record(session, actor=actor, action="proposal.accept", subject=f"proposal:{proposal_id}", **taken)
        return coin.class_id


def reject_proposal(store: Store, proposal_id: int, *, actor: str, word: str) -> None:
    """Reject the photos of a proposal that still wait.

    The proposal counts as accepted if some of its photos were.

    Args:
        word: A reply to the sender.

    Raises:
        StoreError: If the proposal does not wait, or the reply is blank, too long or not printable.
    """
    word = clean_field("word", word)
    if not word:
        raise StoreError("the message is empty; tell the collector why in a few words")
    with store.changing() as session:
        row = _waiting(session, proposal_id)
        session.execute(delete(ProposalPhotoRow).where(ProposalPhotoRow.proposal_id == proposal_id))
        row.state, row.word = ("rejected" if row.class_id is None else "accepted"), word
        record(session, actor=actor, action="proposal.reject", subject=f"proposal:{proposal_id}", reason=word)


def _sent(files: Mapping[str, ReadFile]) -> SentProposal:
    """Raises `ValueError` for a document that is wrong."""
    try:
        document = parse_json(files[DOCUMENT](MAX_DOCUMENT_BYTES))
    except PhotoError as error:
        raise ValueError(error.reason) from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if not isinstance(document, dict):
        raise ValueError("it must be a JSON object")
    if (found := document.get("format")) != FORMAT:
        raise ValueError(f"format {found!r}, this server reads {FORMAT}")
    unknown = document.keys() - {"format", "name", "note", "fields", "photos", "app"}
    if unknown:
        raise ValueError(f"there is no field {min(unknown)!r}")
    lengths = {"name": MAX_TEXT, "note": MAX_NOTE, "app": MAX_TEXT}
    texts = {name: _text(document, name, most) for name, most in lengths.items()}
    if not texts["name"]:
        raise ValueError("field name is empty; say what the coin is called")
    photos = _photo_names(document.get("photos"), files)
    fields = _fields(document.get("fields", {}))
    return SentProposal(**texts, fields=fields, photos=tuple(_photo(name, files[name]) for name in photos))


def _text(document: Mapping[str, Any], name: str, most: int) -> str:
    value = document.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"field {name} must be text")
    try:
        return clean(" ".join(value.splitlines()), most=most)
    except ValueError as error:
        raise ValueError(f"field {name} {error}") from None


def _photo_names(names: object, files: Mapping[str, ReadFile]) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("field photos must be a list of names")
    if not 1 <= len(names) <= MAX_PHOTOS or len(set(names)) != len(names):
        raise ValueError(f"field photos must name 1 to {MAX_PHOTOS} photos, each once")
    if missing := [name for name in names if name not in files or name == DOCUMENT]:
        raise ValueError(f"photo {missing[0][:80]!r} is not in the file")
    if unnamed := files.keys() - {DOCUMENT, *names}:
        raise ValueError(f"the file holds {min(unnamed)[:80]!r}, which field photos does not name")
    return names


def _fields(given: object) -> dict[str, str]:
    """What the collector knows, as fields of a form hold it; what is blank is left out."""
    if not isinstance(given, dict):
        raise ValueError("field fields must be an object")
    if unknown := given.keys() - set(FIELDS):
        raise ValueError(f"fields has no {min(unknown)[:80]!r}; there are {', '.join(FIELDS)}")
    facts = clean_facts({name: given[name] for name in FACTS if name in given})
    others = {name: _text(given, name, MAX_TEXT) for name in FIELDS if name in given and name not in FACTS}
    if others.get("side", SIDES[0]) not in SIDES:
        raise ValueError(f"side {others['side']!r} is none of {', '.join(SIDES)}")
    return {name: value for name, value in {**others, **written_facts(facts)}.items() if value}


def _photo(name: str, read: Callable[[int], bytes]) -> bytes:
    try:
        return photo_anew(read(MAX_PHOTO_BYTES))
    except PhotoError as error:
        raise PhotoError(error.reason, photo=name) from None


def _require_room(session: Session, sender: str, at: float) -> None:
    waiting = select(func.count(ProposalRow.proposal_id)).where(ProposalRow.state == "waiting")
    if (session.scalar(waiting) or 0) >= MAX_WAITING:
        raise TooMany(f"{MAX_WAITING} proposals wait for the curator; send yours later", retry_after=None)
    if not sender:
        return
    recent = select(ProposalRow.at).where(ProposalRow.sender == sender, ProposalRow.at > at - AN_HOUR)
    times = sorted(session.scalars(recent))
    if len(times) >= AN_HOURS:
        wait = int(times[-AN_HOURS] + AN_HOUR - at) + 1
        raise TooMany(f"{AN_HOURS} proposals an hour are taken from one address; send yours later", retry_after=wait)


def _encoded(
    store: Store, proposal_id: int, photo_id: int, encoders: Mapping[str, Encode], told: Mapping[str, str]
) -> NewPhoto:
    data = proposal_photo(store, proposal_id, photo_id)
    if data is None:
        raise StoreError("somebody else has decided about these photos; load the page again")
    encoded = encode_file(data, encoders)
    return NewPhoto(data, f"proposal-{proposal_id}.jpg", encoded.thumbnail, encoded.codes, maps=encoded.maps, **told)


def _waiting(session: Session, proposal_id: int) -> ProposalRow:
    row = session.get(ProposalRow, proposal_id)
    if row is None:
        raise StoreError(f"there is no proposal {proposal_id}")
    if row.state != "waiting":
        raise StoreError(f"proposal {proposal_id} is {row.state} already")
    return row


def _kept(row: ProposalRow) -> Proposal:
    names = ("proposal_id", "receipt", "state", "created", "name", "note", "fields", "app", "word", "class_id")
    photo_ids = tuple(photo.photo_id for photo in row.photos)
    return Proposal(**{name: getattr(row, name) for name in names}, photo_ids=photo_ids)
