"""A new model: its codes beside the old ones, step by step."""

import pytest

from catalog_server.curation.encoding import keep_models, live_encoders
from catalog_server.curation.importer import import_photos
from catalog_server.curation.spaces import end_space, list_spaces, publish_space, recommend_space, reembed
from catalog_server.jobs.checks import check_store
from catalog_server.store import CodeRow
from coindex.errors import ModelError, PhotoError, SpaceMismatch, StoreError
from coindex.pipeline import Encoding


@pytest.fixture
def new_models(other_models):
    return other_models("new-models", checkpoint="d1" * 32)


@pytest.fixture
def run(filled, new_models, new_encoder):
    return lambda **options: reembed(filled, new_models, actor="cli:op", **{"encode": new_encoder, **options})


def states(store):
    return {space.space_id: (space.state, space.codes, space.photos) for space in list_spaces(store)}


def test_every_photo_gets_a_code_in_the_new_space_and_keeps_the_old_one(run, filled, space, new_space):
    report = run()
    assert (report.space_id, report.embedded, report.already_there) == (new_space, 6, 0)
    assert states(filled) == {space: ("current", 6, 6), new_space: ("preparing", 6, 6)}
    with filled.reading() as session:
        old, new = filled.state(session), filled.state(session, new_space)
    assert (new.rows.codes == -old.rows.codes).all() and new.space_id == new_space and new.records == old.records
    assert run().embedded == 0


def test_an_interrupted_re_embedding_goes_on_where_it_was(run, filled, new_space, monkeypatch):
    monkeypatch.setattr("catalog_server.curation.encoding.BATCH", 2)

    def stop(done, total):
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(progress=stop)
    assert states(filled)[new_space] == ("preparing", 4, 6)
    with pytest.raises(StoreError, match=r"2 of 6 photos have no code.*reembed"), filled.reading() as session:
        filled.state(session, new_space)
    heard = []
    report = run(progress=lambda *of: heard.append(of))
    assert (report.embedded, report.already_there) == (2, 4) and heard[-1] == (6, 6)


def test_what_is_imported_meanwhile_gets_codes_in_both(run, filled, collection, encoder, new_encoder, space, new_space):
    run()
    collection.add("4", seed=40)
    with pytest.raises(SpaceMismatch, match=new_space):
        import_photos(filled, collection.read(), encoder, space_id=space, actor="test")
    both = {new_space: new_encoder}
    import_photos(filled, collection.read(), encoder, space_id=space, beside=both, actor="test")
    assert states(filled) == {space: ("current", 7, 7), new_space: ("preparing", 7, 7)}


def test_a_space_is_prepared_published_made_current_and_the_old_one_ended(run, filled, space, new_space):
    with pytest.raises(StoreError, match="no space"):
        publish_space(filled, new_space, actor="cli:op")
    run()
    for step in (recommend_space, lambda *a, **k: end_space(filled, space, actor="cli:op")):
        with pytest.raises(StoreError, match=r"is (preparing|current);"):
            step(filled, new_space, actor="cli:op")
    publish_space(filled, new_space, actor="cli:op")
    with filled.reading() as session:
        assert filled.published_spaces(session) == (space, new_space)
    recommend_space(filled, new_space, actor="cli:op")
    with filled.reading() as session:
        assert filled.published_spaces(session) == (new_space, space) and filled.space_id(session) == new_space
        assert filled.state(session).space_id == new_space
    end_space(filled, space, actor="cli:op")
    with filled.reading() as session:
        assert filled.live_spaces(session) == (new_space,)
    assert check_store(filled).problems == ()


def test_a_space_is_published_only_when_every_live_photo_has_a_code(run, filled, new_space):
    run()
    with filled.changing() as session:
        session.delete(session.get(CodeRow, (3, new_space)))
    with pytest.raises(StoreError, match="1 photos have no code"):
        publish_space(filled, new_space, actor="cli:op")


def test_a_photo_without_a_coin_for_the_new_models_is_named_after_the_others_are_done(
    run, filled, new_encoder, new_space, collection
):
    def blind(photo):
        found = new_encoder(photo)
        seen = (found.coins[0].code == -collection.code("2.png")).all()
        return Encoding((), {}) if seen else found

    with pytest.raises(PhotoError, match=r"1 photos have no code by these models(.|\n)*photo 3: no coin found"):
        run(encode=blind)
    assert states(filled)[new_space] == ("preparing", 5, 6)


def test_a_store_without_photos_has_nothing_to_embed_anew(store, new_models, new_encoder):
    with pytest.raises(StoreError, match="no photos yet"):
        reembed(store, new_models, actor="cli:op", encode=new_encoder)


def test_the_models_of_every_live_space_are_kept_and_found_again(run, filled, models, space, new_space):
    with pytest.raises(ModelError, match=space):
        live_encoders(filled)
    assert list(live_encoders(filled, models)) == [space]
    assert keep_models(filled, models) == space
    run()
    assert list(live_encoders(filled)) == [space, new_space]
    kept = filled.models_folder(new_space)
    assert sorted(path.name for path in kept.iterdir()) == [
        "embedder.int8.tflite",
        "models.json",
        "segmenter.int8.tflite",
    ]


def test_models_of_no_live_space_are_refused(filled, new_models, new_space, space):
    with pytest.raises(SpaceMismatch, match=f"{space}.*{new_space}"):
        live_encoders(filled, new_models)
