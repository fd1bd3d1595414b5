"""The documents of `/api/v1/`: what may be sent and what is answered.

Each is written once: `catalog_server.web.described` checks by these types what comes, `catalog_server.web.openapi`
makes its schemas of them. A check raises `ValueError` with the words that the asker reads.
"""

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
]

LIMIT, MAX_LIMIT = 50, 200
MAX_REASON = 500

PRINTED = r"[ -~\u00a1-\u00ac\u00ae-\u017f]"
"""The server takes all of Unicode that can be printed; this is a part of it that a regular expression can say."""
NOT_BLANK = PRINTED.replace(" -~", "!-~")


def _written(value: Any, most: int = MAX_TEXT) -> str:
    told = f"text of up to {most} characters that can be printed is expected"
    # Around it plain spaces alone: a line end there is a mistake of a program, and not of a person.
    if not isinstance(value, str) or len(value) > most or value.strip() != value.strip(" "):
        raise ValueError(told)
    try:
        return clean(value, most=most)
    except ValueError as error:
        raise ValueError(f"{told}; it {error}") from None


def _named(value: Any) -> str:
    if not (text := _written(value)):
        raise ValueError("it is empty")
    return text


def _reason(value: Any) -> str:
    if not (text := _written(value, MAX_REASON)):
        raise ValueError("a reason is expected")
    return text


def _composed(value: str) -> str:
    return unicodedata.normalize("NFC", value)


def _facts(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object of facts is expected")
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
        raise ValueError(f"one of {', '.join(SIDES)} is expected")
    return str(value)


def _id(value: Any) -> int:
    # To JSON 3.0 is the whole number 3.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= MAX_ID or value % 1:
        raise ValueError("a whole number from 1 on is expected")
    return int(value)


def _asked(least: int, most: int = MAX_ID, **schema: Any) -> tuple[PlainValidator, WithJsonSchema]:
    """A whole number of a query, which comes as text."""

    def check(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
            raise ValueError(f"a whole number from {least} to {most} is expected")
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
"""Names are kept composed (NFC); who asks may write them decomposed, as macOS does."""

GivenFacts = Annotated[
    dict[str, Any],
    PlainValidator(_facts),
    WithJsonSchema(
        {"type": "object", "properties": {name: _fact_schema(name) for name in FACTS}, "additionalProperties": False}
    ),
    Field(description="Facts of the coin, for all its sides; null or an empty text removes one."),
]

T = TypeVar("T")


def document_of(kind: type[T], source: object, **more: Any) -> T:
    """A document whose fields are the attributes of a row or a record, but for those given."""
    names = [name for name in kind.__annotations__ if name not in more]
    return cast(T, {name: getattr(source, name) for name in names} | more)


_whole = with_config(ConfigDict(extra="forbid"))
"""A document without other fields."""


@_whole
class NewCoin(TypedDict):
    """A coin to be added."""

    country: Named
    currency: Named
    denomination: Named
    variant: NotRequired[Written]
    side: Side
    design: NotRequired[Written]
    facts: NotRequired[GivenFacts]


@_whole
class CoinEdit(TypedDict, total=False):
    """What changes of a coin; what is left out stays."""

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
    """What a photo shows; what is left out stays."""

    specimen: Written
    year: Written


@_whole
class Publish(TypedDict, total=False):
    """A publication."""

    override: Annotated[Reason, Field(description="Why to publish graphs that find too little.")]


Limit = Annotated[int, *_asked(1, MAX_LIMIT, default=LIMIT), Field(description="How many at most.")]
Exactly = Field(description="Only coins with exactly this.")


class Page(TypedDict, total=False):
    """How much of a list."""

    limit: Limit


class Before(Page, total=False):
    """A page of what is listed newest first."""

    before: Annotated[int, *_asked(1), Field(description="Go on before this one: `next` of the page before.")]


class CoinPage(Page, total=False):
    """Which coins, and how many."""

    country: Annotated[Sought, Exactly]
    currency: Annotated[Sought, Exactly]
    denomination: Annotated[Sought, Exactly]
    variant: Annotated[Sought, Exactly]
    side: Annotated[Side, Exactly]
    design: Annotated[Sought, Exactly]
    after: Annotated[int, *_asked(0), Field(description="Go on after this class: `next` of the page before.")]


class Revision(TypedDict, total=False):
    """Which coin its changer saw."""

    revision: Annotated[int, *_asked(1), Field(description="Refuse where the coin has a newer one.")]


class Description(TypedDict, total=False):
    """What a new photo shows."""

    specimen: Annotated[Written, Field(description="Which specimen the photo shows.")]
    year: Annotated[Written, Field(description="Of which year it is.")]


@_whole
class Served(TypedDict):
    """The release that is served."""

    version: Id
    created: Time
    space_id: SpaceId
    state_hash: Hash
    rows: Count
    classes: Count
    bytes: Count


@_whole
class Held(TypedDict):
    """What the store holds, retired things left out."""

    rows: Count
    classes: Count
    space_id: SpaceId | None


@_whole
class Status(TypedDict):
    """What is served, None before the first release, and what the store holds."""

    release: Served | None
    store: Held
    proposals: Annotated[bool, Field(description="Whether proposals of coins are taken from everybody.")]


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
    facts: Annotated[dict[str, Any], Field(description="What is known of the coin.")]
    retired: bool
    revision: Annotated[Id, Field(description="Counts the changes; an edit names the one that it saw.")]
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
    """A coin with its photos, retired ones too."""

    photos: list[Photo]


@_whole
class ChangedCoin(WholeCoin):
    """A coin that was given its label, and what its curator should look at again."""

    warnings: Annotated[list[str], Field(description="Such as another coin that is nearly the same.")]


@_whole
class Coins(TypedDict):
    """A page of coins; `next` is the `after` of the next page."""

    coins: list[Coin]
    next: Id | None


@_whole
class Proposal(TypedDict):
    """What became of a proposal, for who sent it."""

    receipt: Annotated[str, _pattern("[0-9a-f]{32}")]
    state: Annotated[str, WithJsonSchema({"type": "string", "enum": ["waiting", "accepted", "rejected"]})]
    word: Annotated[str, Field(description="What the curator says to it.")]
    coin: Annotated[Id | None, Field(description="The class that took its photos.")]


@_whole
class Release(TypedDict):
    """A release, and how its graphs were measured."""

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
    """Work in the background."""

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
    """One change, and who made it."""

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
    """What `coindex recognize --json` says, and which engine answered."""

    photo: str
    catalog: dict[str, Any]
    coins: list[dict[str, Any]]
    timings_ms: dict[str, Any]
    engine: dict[str, Any]


@_whole
class WrongField(TypedDict):
    """What is wrong with a field or a parameter."""

    field: str
    detail: str


class Problem(TypedDict):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[WrongField]]
