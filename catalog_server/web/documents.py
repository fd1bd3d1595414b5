"""The documents of `/api/v1/`: requests and answers.

Each is defined once. `catalog_server.web.described` checks requests by these types, and `catalog_server.web.openapi`
generates schemas from them. A check raises `ValueError` with a message for the client.
"""

import json
import unicodedata
from typing import Annotated, Any, NotRequired, Required, TypeVar, cast

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, with_config
from typing_extensions import TypedDict

from coindex.catalog.state import MAX_ID
from coindex.facts import FACTS, LINKS, MAX_LINKS, NUMBERS, TEXTS, clean_facts
from coindex.manifest import SIDES
from coindex.text import MAX_TEXT, clean

__all__ = [
    "LIMIT",
    "Answer",
    "Audit",
    "AuditEntry",
    "Before",
    "ChangedCoin",
    "Coin",
    "CoinEdit",
    "CoinPage",
    "Coins",
    "Description",
    "Held",
    "Id",
    "Job",
    "Jobs",
    "NewCoin",
    "Page",
    "Photo",
    "PhotoEdit",
    "Problem",
    "Proposal",
    "Publish",
    "Release",
    "Releases",
    "Revision",
    "Served",
    "Status",
    "WholeCoin",
    "document_of",
    "shown_value",
]

LIMIT, MAX_LIMIT = 50, 200
MAX_REASON = 500
MAX_SHOWN = 40

PRINTED = r"[ -~\u00a1-\u00ac\u00ae-\u017f]"
"""The server accepts all printable Unicode. This is the part that a regular expression can describe."""
NOT_BLANK = PRINTED.replace(" -~", "!-~")


def _written(value: Any, most: int = MAX_TEXT) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {shown_value(value)}")
    if len(value) > most:
        raise ValueError(f"has {len(value)} characters; at most {most} are allowed")
    # Only plain spaces may surround it: a line end there is a mistake of a program, not of a person.
    if value.strip() != value.strip(" "):
        raise ValueError("begins or ends with a line end or a tab; remove it")
    return clean(value, most=most)


def _named(value: Any) -> str:
    if not (text := _written(value)):
        raise ValueError("must not be empty")
    return text


def _reason(value: Any) -> str:
    if not (text := _written(value, MAX_REASON)):
        raise ValueError("must not be empty; say why")
    return text


def shown_value(value: Any) -> str:
    """A wrong value as JSON, shortened, for a message."""
    text = json.dumps(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _composed(value: str) -> str:
    return unicodedata.normalize("NFC", value)


def _facts(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'must be an object such as {{"weight": 7.5}}, not {shown_value(value)}')
    for name, fact in value.items():
        if name in TEXTS and fact is not None:
            try:
                _written(fact, TEXTS[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        if isinstance(fact, str) and (name in NUMBERS or name == LINKS):
            raise ValueError(f"{name} must be {'a list of addresses' if name == LINKS else 'a number'}")
    clean_facts(value)
    return value


def _fact_schema(name: str) -> dict[str, Any]:
    if name in TEXTS:
        return {"type": ["string", "null"], "pattern": f"^{PRINTED}*$", "maxLength": TEXTS[name]}
    if name in NUMBERS:
        return {"type": ["number", "null"], "minimum": 0.001, "maximum": 99_999, "description": f"In {NUMBERS[name]}."}
    address = {"type": "string", "pattern": "^https://[a-z0-9]+(/[a-z0-9]*)?$", "maxLength": MAX_TEXT}
    return {"type": ["array", "null"], "items": address, "maxItems": MAX_LINKS}


def _side(value: Any) -> str:
    if value not in SIDES:
        raise ValueError(f"must be one of {', '.join(SIDES)}, not {shown_value(value)}")
    return str(value)


def _id(value: Any) -> int:
    # In JSON, 3.0 is the whole number 3.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= MAX_ID or value % 1:
        raise ValueError(f"must be a whole number, at least 1, not {shown_value(value)}")
    return int(value)


def _asked(least: int, most: int = MAX_ID, **schema: Any) -> tuple[PlainValidator, WithJsonSchema]:
    """The check of a whole number in a query, where it is text."""

    def check(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}, not {shown_value(text)}")
        return int(text)

    return PlainValidator(check), WithJsonSchema({"type": "integer", "minimum": least, "maximum": most, **schema})


def _pattern(pattern: str, **schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", **schema})


Id = Annotated[int, PlainValidator(_id), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_ID})]
Count = Annotated[int, Field(ge=0)]
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Hash = Annotated[str, _pattern("[0-9a-f]{64}")]
SpaceId = Annotated[str, _pattern("[0-9a-f]{16}")]
Address = Annotated[str, WithJsonSchema({"type": "string", "format": "uri-reference"})]
Share = Annotated[float, Field(ge=0, le=1)]
State = Annotated[
    str, WithJsonSchema({"type": "string", "enum": ["waiting", "running", "done", "failed", "cancelled"]})
]
Side = Annotated[str, PlainValidator(_side), WithJsonSchema({"type": "string", "enum": list(SIDES)})]
Written = Annotated[str, PlainValidator(_written), _pattern(f"{PRINTED}*", maxLength=MAX_TEXT)]
Named = Annotated[
    str, PlainValidator(_named), _pattern(f"{PRINTED}*{NOT_BLANK}{PRINTED}*", maxLength=MAX_TEXT, minLength=1)
]
Reason = Annotated[
    str, PlainValidator(_reason), _pattern(f"{PRINTED}*{NOT_BLANK}{PRINTED}*", maxLength=MAX_REASON, minLength=1)
]

Sought = Annotated[str, PlainValidator(_composed), WithJsonSchema({"type": "string"})]
"""Names are stored composed (NFC). Clients can send them decomposed, as macOS does."""

GivenFacts = Annotated[
    dict[str, Any],
    PlainValidator(_facts),
    WithJsonSchema(
        {"type": "object", "properties": {name: _fact_schema(name) for name in FACTS}, "additionalProperties": False}
    ),
    Field(description="Facts of the coin, for all its sides. Null or an empty text removes a fact."),
]

T = TypeVar("T")


def document_of(kind: type[T], source: object, **more: Any) -> T:
    """Make a document from the attributes of a row or a record.

    Args:
        kind: The type of the document.
        source: The row or record.
        **more: Fields with other values.
    """
    names = [name for name in kind.__annotations__ if name not in more]
    return cast(T, {name: getattr(source, name) for name in names} | more)


_whole = with_config(ConfigDict(extra="forbid"))
"""The document may not have other fields."""


@_whole
class NewCoin(TypedDict):
    """A coin to add."""

    country: Named
    currency: Named
    denomination: Named
    variant: NotRequired[Written]
    side: Side
    design: NotRequired[Written]
    facts: NotRequired[GivenFacts]


@_whole
class CoinEdit(TypedDict, total=False):
    """The changed fields of a coin. Other fields stay."""

    revision: Required[Id]
    country: Named
    currency: Named
    denomination: Named
    variant: Written
    side: Side
    design: Written
    facts: GivenFacts


@_whole
class PhotoEdit(TypedDict, total=False):
    """The changed fields of a photo. Other fields stay."""

    specimen: Written
    year: Written


@_whole
class Publish(TypedDict, total=False):
    """A publication."""

    override: Annotated[Reason, Field(description="The reason to publish below the required recall.")]


Limit = Annotated[int, *_asked(1, MAX_LIMIT, default=LIMIT), Field(description="The most entries of the answer.")]
Exactly = Field(description="Only coins with exactly this value.")


class Page(TypedDict, total=False):
    """The length of a page."""

    limit: Limit


class Before(Page, total=False):
    """A page of a list that starts with the newest entry."""

    before: Annotated[int, *_asked(1), Field(description="List entries before this one: `next` of the previous page.")]


class CoinPage(Page, total=False):
    """A page of coins that match."""

    country: Annotated[Sought, Exactly]
    currency: Annotated[Sought, Exactly]
    denomination: Annotated[Sought, Exactly]
    variant: Annotated[Sought, Exactly]
    side: Annotated[Side, Exactly]
    design: Annotated[Sought, Exactly]
    after: Annotated[int, *_asked(0), Field(description="List classes after this one: `next` of the previous page.")]


class Revision(TypedDict, total=False):
    """The revision that the client saw."""

    revision: Annotated[int, *_asked(1), Field(description="Reject the change if the coin has a newer revision.")]


class Description(TypedDict, total=False):
    """The fields of a new photo."""

    specimen: Annotated[Written, Field(description="The specimen that the photo shows.")]
    year: Annotated[Written, Field(description="The year of the coin.")]


@_whole
class Served(TypedDict):
    """The served release."""

    version: Id
    created: Time
    space_id: SpaceId
    state_hash: Hash
    rows: Count
    classes: Count
    bytes: Count


@_whole
class Held(TypedDict):
    """The content of the store, without retired coins and photos."""

    rows: Count
    classes: Count
    space_id: SpaceId | None


@_whole
class Status(TypedDict):
    """The served release, None before the first one, and the content of the store."""

    release: Served | None
    store: Held
    proposals: Annotated[bool, Field(description="Whether everybody can propose coins.")]


@_whole
class Coin(TypedDict):
    """One side of a coin type."""

    class_id: Id
    country: str
    currency: str
    denomination: str
    variant: str
    side: Side
    name: str
    design: str
    facts: Annotated[dict[str, Any], Field(description="Facts of the coin.")]
    retired: bool
    revision: Annotated[Id, Field(description="Counts the changes. An edit must name the revision that it saw.")]
    created: Time
    updated: str
    photo_count: Annotated[Count, Field(description="Photos that are not retired.")]


@_whole
class Photo(TypedDict):
    """A reference photo."""

    row_id: Id
    class_id: Id
    photo_sha256: Hash
    specimen: str
    year: str
    retired: bool
    created: Time
    thumbnail: Address


@_whole
class WholeCoin(Coin):
    """A coin with its photos, also the retired ones."""

    photos: list[Photo]


@_whole
class ChangedCoin(WholeCoin):
    """A coin after a change of its label, and warnings for its curator."""

    warnings: Annotated[list[str], Field(description="Warnings, such as another coin with nearly the same name.")]


@_whole
class Coins(TypedDict):
    """A page of coins; `next` is the `after` of the next page."""

    coins: list[Coin]
    next: Id | None


@_whole
class Proposal(TypedDict):
    """The state of a proposal, for its sender."""

    receipt: Annotated[str, _pattern("[0-9a-f]{32}")]
    state: Annotated[str, WithJsonSchema({"type": "string", "enum": ["waiting", "accepted", "rejected"]})]
    word: Annotated[str, Field(description="The curator's message.")]
    coin: Annotated[Id | None, Field(description="The class that got its photos.")]


@_whole
class Release(TypedDict):
    """A release, and the measured recall of its graphs."""

    version: Id
    created: Time
    space_id: SpaceId
    state_hash: Hash
    rows: Count
    classes: Count
    recall_at_1: Share | None
    override: str | None


@_whole
class Releases(TypedDict):
    """A page of releases; `next` is the `before` of the next page."""

    releases: list[Release]
    next: Id | None


@_whole
class Job(TypedDict):
    """A background job."""

    job_id: Id
    kind: str
    state: State
    done: Count
    total: Count
    message: str
    detail: dict[str, Any]
    actor: str
    created: Time
    started: Time | None
    ended: Time | None


@_whole
class Jobs(TypedDict):
    """The newest jobs."""

    jobs: list[Job]


@_whole
class AuditEntry(TypedDict):
    """A change and who made it."""

    audit_id: Id
    at: Time
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


@_whole
class Audit(TypedDict):
    """A page of changes; `next` is the `before` of the next page."""

    entries: list[AuditEntry]
    next: Id | None


class Answer(TypedDict):
    """The document of `coindex recognize --json`, and the engine that answered."""

    photo: str
    catalog: dict[str, Any]
    coins: list[dict[str, Any]]
    timings_ms: dict[str, Any]
    engine: dict[str, Any]


@_whole
class WrongField(TypedDict):
    """The error of a field or a parameter."""

    field: str
    detail: str


class Problem(TypedDict):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[WrongField]]
