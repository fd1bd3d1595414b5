"""`/api/v1/packs`: the packs of the catalogue. Anyone can read them; changes need a curator's token."""

import re
from typing import Annotated, Any

from flask import abort
from flask.typing import ResponseReturnValue
from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, with_config
from typing_extensions import TypedDict

from catalog_server.accounts.accounts import Role
from catalog_server.curation import packs as curation
from catalog_server.web.api import readable
from catalog_server.web.described import DescribedBlueprint, token_holder
from catalog_server.web.documents import Id, Named, shown_value
from catalog_server.web.state import state

__all__ = ["packs_api"]

packs_api = DescribedBlueprint("packs_api", __name__, url_prefix="/api/v1")
packs_api.after_request(readable)

MAX_MOVED = 1_000
PACK = "/packs/<string:pack_id>"


def _language(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[a-z]{2,3}", value):
        raise ValueError(f"must be two or three lower-case letters, such as en, not {shown_value(value)}")
    return value


Language = Annotated[
    str, PlainValidator(_language), WithJsonSchema({"type": "string", "pattern": "^[a-z]{2,3}$", "maxLength": 3})
]
Names = Annotated[dict[Language, Named], Field(min_length=1, description="The names by language.")]

_whole = with_config(ConfigDict(extra="forbid"))


@_whole
class Pack(TypedDict):
    """A pack and its current content."""

    pack_id: str
    names: dict[str, str]
    countries: list[str]
    classes: Annotated[int, Field(ge=0, description="Coin sides in it.")]
    photos: Annotated[int, Field(ge=0)]
    chosen: Annotated[int, Field(ge=0, description="The sides that were assigned one by one.")]


@_whole
class Packs(TypedDict):
    """The packs; none if releases are not in packs."""

    packs: list[Pack]


@_whole
class PackNames(TypedDict):
    """The names of a pack."""

    names: Names


@_whole
class Moved(TypedDict, total=False):
    """The countries and coins that are moved."""

    countries: Annotated[
        list[Named], Field(max_length=MAX_MOVED, description="Countries, with all their present and future coins.")
    ]
    coins: Annotated[list[Id], Field(max_length=MAX_MOVED, description="Class ids, with all sides of each coin.")]


@packs_api.operation("GET", "/packs", "The packs of the catalogue", Packs, told="The packs.")
def packs() -> ResponseReturnValue:
    return _packs()


@packs_api.operation(
    "PUT", PACK, "Make or rename a pack", Packs, told="All packs.", problems=(409,), role=Role.CURATOR,
    body=PackNames,
)  # fmt: skip
def set_pack(pack_id: str, body: PackNames) -> ResponseReturnValue:
    curation.set_pack(state().store, pack_id, body["names"], actor=token_holder().actor)
    return _packs()


@packs_api.operation(
    "DELETE", PACK, "Remove a pack; its coins move to their countries' packs, or to the rest", Packs, told="All packs.",
    problems=(404,), role=Role.CURATOR,
)  # fmt: skip
def remove_pack(pack_id: str) -> ResponseReturnValue:
    _require(pack_id)
    curation.remove_pack(state().store, pack_id, actor=token_holder().actor)
    return _packs()


@packs_api.operation(
    "POST", f"{PACK}/contents", "Move countries and coins to a pack", Packs, told="All packs.", problems=(404, 409),
    role=Role.CURATOR, body=Moved,
)  # fmt: skip
def put(pack_id: str, body: Moved) -> ResponseReturnValue:
    _require(pack_id)
    curation.put_in_pack(state().store, pack_id, **body, actor=token_holder().actor)
    return _packs()


@packs_api.operation(
    "POST", "/packs-emptied", "Remove countries and coins from their packs", Packs, told="All packs.", problems=(409,),
    role=Role.CURATOR, body=Moved,
)  # fmt: skip
def take_out(body: Moved) -> ResponseReturnValue:
    curation.take_out_of_packs(state().store, **body, actor=token_holder().actor)
    return _packs()


@packs_api.operation(
    "POST", "/packs-by-country", "Make a pack for each country without one", Packs, told="All packs.",
    problems=(409,), role=Role.CURATOR,
)  # fmt: skip
def by_country() -> ResponseReturnValue:
    curation.packs_by_country(state().store, actor=token_holder().actor)
    return _packs()


def _require(pack_id: str) -> None:
    if pack_id not in {pack.pack_id for pack in curation.list_packs(state().store)} - {curation.REST}:
        abort(404, f"there is no pack {pack_id}")


def _packs() -> Packs:
    found = curation.list_packs(state().store)
    return Packs(
        packs=[
            Pack(
                pack_id=pack.pack_id,
                names=dict(pack.names),
                countries=list(pack.countries),
                classes=pack.classes,
                photos=pack.photos,
                chosen=pack.chosen,
            )
            for pack in found
        ]
    )
