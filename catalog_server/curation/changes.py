"""What leads from one state of the catalogue to another: what a release would change, and the way back to an earlier
one."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.curation.steps import Plan, Touched, by_ids, counted
from catalog_server.store import CodeRow, CoinRow, PhotoRow, Store
from coindex.catalog import CatalogState, CoinRecord, Rows
from coindex.catalog.delta import changed_rows
from coindex.errors import StoreError
from coindex.facts import facts_document
from coindex.manifest import LABEL_FIELDS

__all__ = ["Changes", "bring_back", "changes"]

DESCRIBED = (*LABEL_FIELDS, "name", "design")


@dataclass(frozen=True)
class Changes:
    """Coins that come, go, or are described otherwise (before, after), and the numbers of photos that come and go."""

    added: tuple[CoinRecord, ...]
    removed: tuple[CoinRecord, ...]
    changed: tuple[tuple[CoinRecord, CoinRecord], ...]
    rows_added: int
    rows_removed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.rows_added or self.rows_removed)


def changes(before: CatalogState | None, after: CatalogState | None) -> Changes:
    """What leads from one state to another; None is a catalogue without coins."""
    old, new = _records(before), _records(after)
    old_rows, new_rows = _rows(before), _rows(after)
    kept = sorted(old.keys() & new.keys())
    return Changes(
        added=tuple(new[key] for key in sorted(new.keys() - old.keys())),
        removed=tuple(old[key] for key in sorted(old.keys() - new.keys())),
        changed=tuple((old[key], new[key]) for key in kept if old[key] != new[key]),
        rows_added=len(changed_rows(new_rows, old_rows)),
        rows_removed=len(changed_rows(old_rows, new_rows)),
    )


def bring_back(state: CatalogState, *, version: int) -> Plan:
    """Make the store's catalogue what an earlier release, `version`, was: the photos that it had and no others, its
    coins as it described them. Publishing it then makes a new release; nothing is deleted.

    Coins that never had a photo stay. Making it raises `StoreError` where photos of it are gone from the store, or lack
    a code in a live space.
    """
    wanted = {int(row_id) for row_id in state.rows.row_ids}

    def act(store: Store, session: Session, touched: Touched) -> str:
        photos = session.execute(select(PhotoRow.row_id, PhotoRow.class_id, PhotoRow.retired)).all()
        coins = {coin.class_id: coin for coin in session.scalars(select(CoinRow))}
        if missing := wanted.difference(photo.row_id for photo in photos) | (state.records.keys() - coins.keys()):
            raise StoreError(
                f"release {version} has photos or coins that this store has not ({min(missing)} is the first); is it "
                "another store's?"
            )
        _require_codes(store, session, wanted, version)
        moved: list[PhotoRow] = by_ids(
            session, PhotoRow, (photo.row_id for photo in photos if photo.retired == (photo.row_id in wanted))
        )
        for photo in moved:
            touched.photo(photo).retired, photo.retired_with_coin = photo.row_id not in wanted, False
        with_photos = {photo.class_id for photo in photos}
        _describe(session, touched, coins, state.records, with_photos)
        came = sum(photo.row_id in wanted for photo in moved)
        return (
            f"Brought back release {version}: {counted(came, 'photo')} came back, {len(moved) - came} went, "
            f"{counted(len(touched.coins()), 'coin side')} changed"
        )

    return Plan("bring-back", act, detail={"version": version})


def _require_codes(store: Store, session: Session, wanted: set[int], version: int) -> None:
    for space_id in store.published_spaces(session):
        have = set(session.scalars(select(CodeRow.row_id).where(CodeRow.space_id == space_id)))
        if lacking := wanted - have:
            raise StoreError(
                f"{len(lacking)} photos of release {version} have no code in space {space_id}; `coindex catalog "
                "reembed` gives them theirs"
            )


def _describe(
    session: Session,
    touched: Touched,
    coins: Mapping[int, CoinRow],
    records: Mapping[int, CoinRecord],
    with_photos: set[int],
) -> None:
    """Let coins be what a release called them, and retire those with photos that it had not."""
    restored = [coins[key] for key in records if coins[key].retired]
    later = with_photos - records.keys()
    retired = [coin for key, coin in coins.items() if not coin.retired and key in later]
    changed = [coins[key] for key, found in records.items() if coins[key].record != found]
    # Labels are unique among live coins: all that move step aside before any takes its place.
    for coin in (*restored, *retired, *changed):
        touched.coin(coin).retired = True
    session.flush()
    for coin in changed:
        for name in DESCRIBED:
            setattr(coin, name, getattr(records[coin.class_id], name))
        coin.facts = facts_document(records[coin.class_id].facts)
    session.flush()
    _require_free(coins, records)
    for coin in (*restored, *changed):
        coin.retired = False
    session.flush()


def _require_free(coins: Mapping[int, CoinRow], records: Mapping[int, CoinRecord]) -> None:
    """A coin without photos may bear the label of one that comes back."""
    taken = {coin.label: key for key, coin in coins.items() if not coin.retired and key not in records}
    for key, found in records.items():
        if (other := taken.get(found.label)) is not None:
            raise StoreError(
                f"class {other} bears the label of class {key}, which would come back; retire {other} first"
            )


def _records(state: CatalogState | None) -> Mapping[int, CoinRecord]:
    return state.records if state else {}


def _rows(state: CatalogState | None) -> Rows:
    return state.rows if state else Rows.none()
