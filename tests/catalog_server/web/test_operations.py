"""What an operator's tools are told."""

import logging
import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from catalog_server.jobs.queue import submit_job
from catalog_server.publishing.publish import publish
from catalog_server.web.app import create_app


@pytest.fixture
def published(filled, models):
    publish(filled, models)
    return filled


def checks(store):
    answer = create_app(store).test_client().get("/readyz")
    assert (answer.status_code == 200) == answer.json["ready"]
    return answer.json


def test_a_server_is_alive_even_where_its_database_is_not(filled):
    client = create_app(filled).test_client()
    with filled.changing() as session:
        session.execute(text("DROP TABLE alembic_version"))
    assert client.get("/healthz").data == b"ok\n"
    assert client.get("/readyz").status_code == 503


def test_a_server_with_a_release_is_ready(published):
    found = checks(published)
    assert found["ready"] and found["checks"]["release"]["detail"] == "release 1"


def test_a_server_without_a_release_is_ready_for_the_first(store):
    assert checks(store)["ready"]


def test_tables_of_another_layout_are_told(published):
    with published.changing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    found = checks(published)
    assert not found["ready"] and "layout 9999" in found["checks"]["database"]["detail"]


def test_a_release_that_cannot_be_read_is_told(published):
    for path in (published.releases / "targets").glob("*.release.json"):
        path.unlink()
    found = checks(published)
    assert not found["checks"]["release"]["ok"] and found["checks"]["database"]["ok"]


def test_a_timestamp_that_nobody_renews_is_told_before_phones_refuse_it(filled, models, monkeypatch):
    publish(filled, models)
    assert checks(filled)["checks"]["timestamp"]["ok"]
    monkeypatch.setattr("catalog_server.web.operations.LEAST_LEFT", timedelta(days=8))
    found = checks(filled)
    assert not found["ready"] and "phones refuse to sync after" in found["checks"]["timestamp"]["detail"]


def measured(client):
    page = client.get("/metrics").text
    return {match[1]: float(match[2]) for match in re.finditer(r"^(\w+(?:\{[^}]*\})?) (\S+)$", page, re.M)}


def test_requests_are_counted_by_what_they_asked_for(published):
    client = create_app(published).test_client()
    for path in ("/releases/metadata/timestamp.json", "/releases/metadata/9.root.json", "/api/v1/coins/1", "/nobody"):
        client.get(path)
    client.get("/api/v1/coins/2")
    found = measured(client)
    count = 'coindex_requests_total{method="GET",route="%s",status="%d"}'
    assert found[count % ("/releases/metadata/", 200)] == found[count % ("/releases/metadata/", 404)] == 1
    assert found[count % ("/api/v1/coins/<int:class_id>", 200)] == 2
    assert found[count % ("(none)", 404)] == 1
    assert found['coindex_request_seconds_count{route="/releases/metadata/"}'] == 2
    size = len(client.get("/releases/metadata/timestamp.json").data)
    assert found['coindex_sent_bytes_total{route="/releases/metadata/"}'] == size + len(b"Not Found\n")


def test_what_a_client_invents_makes_no_metric_of_its_own(published):
    client = create_app(published).test_client()
    for number in range(5):
        client.open(f"/invented/{number}", method=f"INVENTED{number}")
    names = [name for name in measured(client) if name.startswith("coindex_requests_total")]
    assert len(names) == 1 and 'method="other",route="(none)"' in names[0]


def test_the_store_its_jobs_and_the_timestamp_are_measured_at_a_scrape(published):
    submit_job(published, "publish", actor="test")
    found = measured(create_app(published).test_client())
    assert found["coindex_store_photos"] == 6 and found["coindex_release_version"] == 1
    assert found['coindex_jobs{kind="publish",state="waiting"}'] == 1
    left = found["coindex_timestamp_expires_seconds"] - datetime.now(UTC).timestamp()
    assert 6 * 86400 < left <= 7 * 86400


def test_metrics_may_be_switched_off(filled):
    assert create_app(filled, show_metrics=False).test_client().get("/metrics").status_code == 404


def test_an_answer_carries_the_id_that_the_log_has_and_a_trusted_proxys_own(filled):
    direct = create_app(filled).test_client()
    first, second = (direct.get("/healthz").headers["X-Request-Id"] for _ in range(2))
    assert first != second
    assert direct.get("/healthz", headers={"X-Request-Id": "a-b-c-d-e-f"}).headers["X-Request-Id"] != "a-b-c-d-e-f"
    behind = create_app(filled, proxies=1).test_client()
    assert behind.get("/healthz", headers={"X-Request-Id": "a-b-c-d-e-f"}).headers["X-Request-Id"] == "a-b-c-d-e-f"
    assert "<" not in behind.get("/healthz", headers={"X-Request-Id": "<script>"}).headers["X-Request-Id"]


def test_answers_that_nothing_changed_are_logged_at_debug_alone(published, caplog):
    client = create_app(published).test_client()
    with caplog.at_level(logging.DEBUG, "catalog_server.web.observation"):
        tag = client.get("/static/catalog.css").headers["ETag"]
        assert client.get("/static/catalog.css", headers={"If-None-Match": tag}).status_code == 304
    levels = [entry.levelno for entry in caplog.records if entry.name == "catalog_server.web.observation"]
    assert levels == [logging.INFO, logging.DEBUG]


def test_the_room_on_the_stores_disk_is_measured(published):
    free = shutil.disk_usage(published.folder).free
    told = measured(create_app(published).test_client())["coindex_store_free_bytes"]
    assert abs(told - free) < free / 2 + 1e9
