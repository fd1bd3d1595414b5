"""The certificate of the local network."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from catalog_server.serving import tls
from catalog_server.serving.tls import local_certificate, local_names

NAMES = frozenset({"localhost", "127.0.0.1", "::1", "attic.local"})


def read(certificate):
    return x509.load_pem_x509_certificate(certificate.chain.read_bytes())


def test_it_names_the_machine_and_lasts_as_long_as_browsers_take(tmp_path):
    made = read(local_certificate(tmp_path / "tls", NAMES))
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "attic.local"}
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    assert timedelta(days=390) < made.not_valid_after_utc - datetime.now(UTC) < timedelta(days=398)


def test_a_client_that_was_given_it_trusts_it(tmp_path):
    certificate = local_certificate(tmp_path, NAMES)
    ssl.create_default_context(cafile=str(certificate.chain))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate.chain, certificate.key)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX'")
def test_only_the_servers_user_reads_the_key(tmp_path):
    certificate = local_certificate(tmp_path / "tls", NAMES)
    assert stat.S_IMODE(certificate.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def test_it_stays_the_same_from_start_to_start(tmp_path):
    first, second = (local_certificate(tmp_path, NAMES) for _ in range(2))
    assert first == second
    assert local_certificate(tmp_path, NAMES - {"attic.local"}) == first


def test_it_is_made_anew_for_another_address_near_its_end_and_where_it_is_damaged(tmp_path, monkeypatch):
    seen = {local_certificate(tmp_path, NAMES).fingerprint}
    seen.add(local_certificate(tmp_path, NAMES | {"192.168.7.7"}).fingerprint)
    monkeypatch.setattr(tls, "RENEW_BEFORE", timedelta(days=400))
    seen.add(local_certificate(tmp_path, NAMES).fingerprint)
    monkeypatch.undo()
    (tmp_path / "certificate.pem").write_bytes(b"not one")
    seen.add(local_certificate(tmp_path, NAMES).fingerprint)
    (tmp_path / "key.pem").unlink()
    seen.add(local_certificate(tmp_path, NAMES).fingerprint)
    assert len(seen) == 5


def test_this_machine_is_reached_by_its_own_names():
    assert {"localhost", "127.0.0.1", "::1"} < local_names()
