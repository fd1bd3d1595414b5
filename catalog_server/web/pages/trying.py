"""Try it: a photo, answered by the release that is served."""

import base64

from flask import Blueprint, render_template, request

from catalog_server.accounts import Role
from catalog_server.uploads import ONE_PHOTO, photo_anew
from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import needs, takes
from coindex.errors import PhotoError
from coindex.photo import load_photo

__all__ = ["add_to"]


def add_to(blueprint: Blueprint, curator: Curator) -> None:
    """`/try`: nothing of the photo is kept."""

    @blueprint.get("/try")
    @needs(Role.CURATOR)
    def try_it() -> str:
        return render_template("try.html")

    @blueprint.post("/try")
    @takes(ONE_PHOTO)
    @needs(Role.CURATOR)
    def answer() -> str | tuple[str, int]:
        file = request.files.get("photo")
        try:
            if file is None or not file.filename:
                raise PhotoError("photo: none was sent; choose one")
            data = photo_anew(file.read())
        except PhotoError as error:
            return render_template("try.html", problem=str(error).removeprefix("photo: ")), 422
        photo = load_photo(data)
        found = curator.answer(photo)
        if found is None:
            return render_template("try.html", problem="Nothing is published yet: publish the catalogue first."), 409
        shown = base64.b64encode(data).decode()
        size = {"width": photo.width, "height": photo.height}
        return render_template("try.html", answer=found, picture=f"data:image/jpeg;base64,{shown}", **size)
