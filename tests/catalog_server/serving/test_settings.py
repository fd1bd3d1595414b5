"""How the server is set up."""

from dataclasses import fields
from pathlib import Path

import pytest

from catalog_server.engines import ServedEngine
from catalog_server.serving.settings import LogFormat, Settings, load_settings, variable
from coindex.errors import SettingsError


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "coindex.toml"
        path.write_text(text)
        return path

    return write


def test_without_anything_set_the_defaults_hold():
    assert load_settings(environment={}) == Settings()


def test_an_option_goes_before_a_variable_before_the_file(config):
    path = config("port = 1\nthreads = 2\nworkers = 3\n")
    found = load_settings(
        {"port": 30, "threads": None},
        environment={"COINDEX_PORT": "20", "COINDEX_THREADS": "21"},
        config=path,
    )
    assert (found.port, found.threads, found.workers) == (30, 21, 3)


def test_a_number_that_need_not_be_set_is_read_and_bounded_all_the_same(config):
    assert load_settings(environment={}, config=config("relief_references = 0")).relief_references == 0
    assert load_settings(environment={"COINDEX_RELIEF_REFERENCES": "3"}).relief_references == 3
    with pytest.raises(SettingsError, match="not a whole number from 0"):
        load_settings(environment={"COINDEX_RELIEF_REFERENCES": "-1"})


def test_each_kind_of_value_is_read_from_text_and_from_toml(config):
    path = config('store = "/srv/coins"\nworkers = 4\nhttps = true\nlog_format = "json"\nengine = "faiss"\n')
    expected = Settings(
        store=Path("/srv/coins"),
        workers=4,
        https=True,
        log_format=LogFormat.JSON,
        engine=ServedEngine.FAISS,
    )
    assert load_settings(environment={}, config=path) == expected
    words = {"STORE": "/srv/coins", "WORKERS": "4", "HTTPS": "yes", "LOG_FORMAT": "json", "ENGINE": "faiss"}
    assert load_settings(environment={f"COINDEX_{name}": value for name, value in words.items()}) == expected


def test_the_environment_names_the_file(config):
    path = config("port = 9\n")
    assert load_settings(environment={"COINDEX_CONFIG": str(path)}).port == 9


def test_an_empty_variable_is_one_that_is_not_set():
    assert load_settings(environment={"COINDEX_PORT": "", "COINDEX_DATABASE_URL": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("COINDEX_PORT", "http", "COINDEX_PORT: 'http' is not a whole number from 0 to 65535"),
        ("COINDEX_PORT", "65536", "from 0 to 65535"),
        ("COINDEX_THREADS", "0", "COINDEX_THREADS: '0'"),
        ("COINDEX_HTTPS", "maybe", "COINDEX_HTTPS: 'maybe' is neither true nor false"),
        ("COINDEX_ENGINE", "apache", "not one of hnsw, faiss, milvus"),
        ("COINDEX_LOG_LEVEL", "loud", "COINDEX_LOG_LEVEL"),
        ("COINDEX_THREDS", "4", "did you mean COINDEX_THREADS"),
    ],
)
def test_a_wrong_variable_is_named_with_what_it_may_be(name, value, told):
    with pytest.raises(SettingsError, match=told):
        load_settings(environment={name: value})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1\n", "did you mean port"),
        ("zzz = 1\n", "the keys are store, "),
        ("port = 1.5\n", "coindex.toml, port: 1.5"),
        ("port = true\n", "coindex.toml, port: True"),
        ("store = 7\n", "coindex.toml, store: 7 is not text"),
        ('https = "perhaps"\n', "coindex.toml, https"),
        ("port 8000\n", "not TOML"),
    ],
)
def test_a_wrong_line_of_the_file_is_named(config, text, told):
    with pytest.raises(SettingsError, match=told):
        load_settings(environment={}, config=config(text))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings(environment={}, config=Path("nowhere.toml"))


def test_what_belongs_together_is_set_together(tmp_path):
    with pytest.raises(SettingsError, match="belong together"):
        load_settings({"certificate": tmp_path / "chain.pem"}, environment={})
    with pytest.raises(SettingsError, match=r"chain\.pem is not a file"):
        load_settings({"certificate": tmp_path / "chain.pem", "certificate_key": tmp_path / "key.pem"}, environment={})
    with pytest.raises(SettingsError, match="milvus"):
        load_settings({"engine": "faiss", "milvus_uri": "http://127.0.0.1:19530"}, environment={})


def test_variables_of_other_parts_are_let_be():
    others = {"COINDEX_HOME": "/data", "COINDEX_KEYS_PASSPHRASE": "secret", "COINDEX_TEST_SCALE": "2", "PORT": "x"}
    assert load_settings(environment=others) == Settings()


def test_every_setting_says_what_it_is_and_has_a_variable_of_its_own():
    names = [variable(each.name) for each in fields(Settings)]
    assert all(each.metadata["help"].endswith((".", "…")) for each in fields(Settings))
    assert len(set(names)) == len(names) and all(name.startswith("COINDEX_") for name in names)


def test_the_operators_page_tells_of_every_setting():
    page = (Path(__file__).resolve().parents[3] / "docs" / "operating.md").read_text("utf-8")
    assert [each.name for each in fields(Settings) if f"`{each.name}`" not in page] == []
