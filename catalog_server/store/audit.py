"""The audit log: who changed what and when, written in the transaction of each change."""

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog_server.store import AuditRow, StepChangeRow, StepRow, now

__all__ = ["AuditEntry", "audit_entries", "cli_actor", "record"]


@dataclass(frozen=True)
class AuditEntry:
    """One change: `actor` did `action` ("coin.edit") to `subject` ("coin:3")."""

    audit_id: int
    at: str
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def record(session: Session, *, actor: str, action: str, subject: str, **detail: Any) -> AuditRow:
    """Write an entry, which is kept if the transaction is.

    Args:
        actor: Who makes the change, such as "user:ann".
        action: What is done, such as "coin.edit".
        subject: What it is done to, such as "coin:17".
        detail: More about it; JSON must be able to hold it.

    Returns:
        The entry, without an id before the next flush.

    Raises:
        ValueError: If there is no actor.
    """
    if not actor:
        raise ValueError("a change has an actor")
    text = json.dumps(detail, ensure_ascii=False, sort_keys=True)
    entry = AuditRow(at=now(), actor=actor, action=action, subject=subject, detail=text)
    session.add(entry)
    return entry


def audit_entries(
    session: Session,
    *,
    subject: str | None = None,
    actor: str | None = None,
    actions: Sequence[str] = (),
    before: int | None = None,
    limit: int = 100,
) -> tuple[AuditEntry, ...]:
    """The latest entries, newest first; `actions` are beginnings of those that are wanted; `before` an audit id, to go
    on from. Those of a coin or a photo have the steps that changed it among others."""
    query = select(AuditRow).order_by(AuditRow.audit_id.desc()).limit(limit)
    if subject is not None:
        steps = select(StepRow.audit_id).join(StepChangeRow).where(StepChangeRow.subject == subject)
        query = query.where((AuditRow.subject == subject) | AuditRow.audit_id.in_(steps))
    if actor is not None:
        query = query.where(AuditRow.actor == actor)
    if actions:
        query = query.where(or_(*(AuditRow.action.startswith(each, autoescape=True) for each in actions)))
    if before is not None:
        query = query.where(AuditRow.audit_id < before)
    return tuple(
        AuditEntry(row.audit_id, row.at, row.actor, row.action, row.subject, json.loads(row.detail))
        for row in session.scalars(query)
    )


def cli_actor() -> str:
    """The actor of what is done by a command: the user of the machine."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user may have no name
        return "cli:unknown"
