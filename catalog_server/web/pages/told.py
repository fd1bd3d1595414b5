"""The log as sentences: who did what to which coin, with a link to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.curation.steps import counted
from catalog_server.store import CoinRow, PhotoRow, StepRow
from catalog_server.store.audit import AuditEntry

__all__ = ["KINDS", "ToldEntry", "told_entries", "who"]

ACTIONS = {
    "coin.add": "added",
    "coin.edit": "changed",
    "coin.retire": "retired",
    "coin.restore": "brought back",
    "photos.add": "added photos to",
    "photos.confirm": "confirmed photos of",
    "photo.edit": "changed",
    "photo.retire": "retired",
    "photo.restore": "brought back",
    "coin.pack": "put in another pack",
    "pack.set": "named",
    "pack.remove": "removed",
    "pack.countries": "moved a country of",
    "proposal.add": "took in",
    "proposal.accept": "accepted photos of",
    "proposal.reject": "rejected",
    "import": "imported photos into",
    "job.cancel": "cancelled",
    "publish": "published",
    "roll-back": "restored an earlier state of",
    "sign-in": "signed in as",
    "space.prepare": "began to prepare",
    "space.publish": "put into releases",
    "space.recommend": "recommended to phones",
    "space.end": "ended",
    "token.add": "made",
    "token.revoke": "revoked",
    "user.add": "made",
    "user.password": "changed the password of",
    "user.role": "changed the role of",
    "user.disable": "disabled",
    "user.enable": "enabled",
    "user.reset-link": "made a link to set the password of",
    "user.second-factor": "turned on the second factor of",
    "user.second-factor-off": "turned off the second factor of",
    "user.sessions-end": "ended sessions of",
}
"""The verb of each action. An action that is not here is shown unchanged."""

KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "coins": ("coins and photos", ("coin.", "photo.", "photos.", "pack.", "step.", "roll-back")),
    "imports": ("imports and proposals", ("import", "proposal.", "job.")),
    "releases": ("releases", ("publish", "step.bring-back", "roll-back", "space.")),
    "accounts": ("accounts", ("user.", "token.", "sign-in")),
}
"""The filters of the log, each with the prefixes of its actions."""

THINGS = {"user": "the account", "token": "the token", "space": "the space", "release": "release", "job": "job",
          "proposal": "the proposal", "photo": "photo", "coin": "class", "pack": "the pack"}  # fmt: skip


@dataclass(frozen=True)
class ToldEntry:
    """An entry as a sentence: who did what to which thing, and the page of the thing, if it has one."""

    at: str
    who: str
    action: str
    thing: str
    url: str | None
    changes: Mapping[str, Sequence[str]]
    reason: str


def told_entries(session: Session, entries: Iterable[AuditEntry]) -> list[ToldEntry]:
    """The entries in words."""
    entries = list(entries)
    coins, photos = _coins(session, entries), _photos(session, entries)
    query = select(StepRow.audit_id, StepRow.step_id)
    asked = [entry.audit_id for entry in entries if entry.action.startswith("step.")]
    steps = {row.audit_id: row.step_id for row in session.execute(query.where(StepRow.audit_id.in_(asked)))}
    return [_told(entry, coins, photos, steps) for entry in entries]


def who(actor: str) -> str:
    """An actor in words: `ada`, `the command line (root)`, `token till of ann`."""
    kind, _, name = actor.partition(":")
    return {"user": name, "cli": f"the command line ({name})", "token": f"token {name}"}.get(kind, actor)


def _told(
    entry: AuditEntry, coins: Mapping[str, str], photos: Mapping[str, tuple[int, str]], steps: Mapping[int, int]
) -> ToldEntry:
    detail, kind, _, number = entry.detail, *entry.subject.partition(":")
    action = ACTIONS.get(entry.action, entry.action)
    thing, url = f"{THINGS.get(kind, kind)} {number}".strip(), None
    if entry.audit_id in steps:
        action, thing, url = "did:", str(detail.get("told", "")), url_for("pages.step", step_id=steps[entry.audit_id])
    elif entry.subject in coins:
        thing, url = coins[entry.subject], url_for("pages.coin", class_id=int(number))
    elif entry.subject in photos:
        class_id, name = photos[entry.subject]
        thing, url = f"photo {number} of {name}", url_for("pages.coin", class_id=class_id)
    elif entry.subject == "catalog":
        thing, url = "the catalogue", url_for("pages.coins")
    elif kind == "job":
        url = url_for("pages.job", job_id=int(number))
    elif kind == "pack":
        url = url_for("pages.packs")
    elif kind == "release":
        url = url_for("pages.publishing")
    elif kind == "proposal":
        url = url_for("pages.proposal", proposal_id=int(number))
    count = detail.get("rows") if entry.action == "import" else len(detail.get("row_ids", ()))
    if count and entry.action in ("import", "photos.add", "photos.confirm"):
        action = action.replace("photos", counted(int(count), "photo"), 1)
    if kind == "token" and detail.get("name"):
        thing = f"the token {detail['name']}"
    return ToldEntry(
        entry.at, who(entry.actor), action, thing, url, detail.get("changes") or {}, str(detail.get("reason") or "")
    )


def _numbers(entries: Iterable[AuditEntry], kind: str) -> list[int]:
    subjects = (entry.subject.partition(":") for entry in entries)
    return [int(number) for found, _, number in subjects if found == kind and number.isdigit()]


def _coins(session: Session, entries: Iterable[AuditEntry]) -> dict[str, str]:
    columns = (CoinRow.class_id, CoinRow.name, CoinRow.side)
    query = select(*columns).where(CoinRow.class_id.in_(_numbers(entries, "coin")))
    return {f"coin:{row.class_id}": f"{row.name}, {row.side}" for row in session.execute(query)}


def _photos(session: Session, entries: Iterable[AuditEntry]) -> dict[str, tuple[int, str]]:
    columns: tuple[Any, ...] = (PhotoRow.row_id, CoinRow.class_id, CoinRow.name, CoinRow.side)
    query = select(*columns).join(CoinRow).where(PhotoRow.row_id.in_(_numbers(entries, "photo")))
    return {f"photo:{row[0]}": (row[1], f"{row[2]}, {row[3]}") for row in session.execute(query)}
