"""A certificate for the local network, where no authority gives one: a phone's browser opens its camera over HTTPS
alone.

It is made once, is kept in the store, and is made again when it nears its end or the machine has got another address.
"""

import ipaddress
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coindex.disk import write_whole
from coindex.errors import StoreError

__all__ = ["Certificate", "local_certificate", "local_names"]

VALID = timedelta(days=397)
"""The most that browsers take."""

RENEW_BEFORE = timedelta(days=30)

ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of documentation (RFC 5737, 3849): asking for the way there tells this machine's own, and sends nothing."""


@dataclass(frozen=True)
class Certificate:
    """The files (PEM) of a certificate chain and its private key; `fingerprint` is the SHA-256 that a browser shows,
    where the certificate was made here."""

    chain: Path
    key: Path
    fingerprint: str | None = None


def local_certificate(folder: Path, names: frozenset[str]) -> Certificate:
    """The certificate in a folder, made where there is none for all of `names` that lasts another month.

    Raises:
        StoreError: If the folder cannot be written.
    """
    chain, key = folder / "certificate.pem", folder / "key.pem"
    found = _read(chain)
    if found is None or not key.is_file() or not names <= _names_of(found) or _is_ending(found):
        try:
            found = _make(folder, chain, key, names)
        except OSError as error:
            raise StoreError(f"{folder}: no certificate can be written there ({error.strerror})") from None
    return Certificate(chain, key, found.fingerprint(hashes.SHA256()).hex(":"))


def local_names() -> frozenset[str]:
    """The names and addresses by which other machines on the network, and this one, reach it."""
    host = socket.gethostname()
    names = {"localhost", "127.0.0.1", "::1", host, f"{host.partition('.')[0]}.local"}
    for family, address in ELSEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            names.add(probe.getsockname()[0].partition("%")[0])
    return frozenset(names)


def _make(folder: Path, chain: Path, key: Path, names: frozenset[str]) -> x509.Certificate:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "coindex catalogue server")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a phone's clock may be behind
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in sorted(names)]), critical=False)
        # Phones take into their own list of authorities only what says that it is one.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    mask = os.umask(0o077)
    try:
        write_whole(key, secret)
        write_whole(chain, certificate.public_bytes(serialization.Encoding.PEM))
    finally:
        os.umask(mask)
    return certificate


def _read(chain: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(chain.read_bytes())
    except (OSError, ValueError):
        return None


def _names_of(certificate: x509.Certificate) -> frozenset[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    return frozenset([*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)])


def _is_ending(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc - datetime.now(UTC) < RENEW_BEFORE


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
