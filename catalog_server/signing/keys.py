"""The private keys of a store: Ed25519, one or more a role, in a folder that is never served.

`keys.json` lists them with their public halves and where each signs: `pem:FILE` beside it, or any signer URI of
securesystemslib (`hsm:…`, `gcpkms:…`, `awskms:…`, `file2:PATH`). Which of them count, the signed root says.
"""

import glob
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, Signer, SSlibKey

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.disk import private_file, write_whole
from coindex.errors import StoreError

__all__ = ["PASSPHRASE", "ROLES", "Key", "KeyRing", "Role", "default_keys", "new_keys", "read_keys"]

Role = Literal["root", "targets", "snapshot", "timestamp"]
ROLES: tuple[Role, ...] = get_args(Role)

PASSPHRASE = "COINDEX_KEYS_PASSPHRASE"
KEYS_FILE = "keys.json"
FORMAT = 1
PEM = "pem"
PRIVATE = ".pem"
UNLISTED = ".tmp"
"""What the name of a private key ends with while it is being written."""


@dataclass(frozen=True)
class Key:
    """A key of a role: its public half, and the URI of what signs with the private one."""

    role: Role
    public: SSlibKey
    uri: str

    @property
    def keyid(self) -> str:
        """The key's id in the metadata."""
        return str(self.public.keyid)

    @property
    def file(self) -> str | None:
        """The name of the private key's file beside the list, None for an external signer."""
        scheme, _, name = self.uri.partition(":")
        return name if scheme == PEM else None


@dataclass(frozen=True)
class KeyRing:
    """The keys of a folder. What changes it returns another one, and has written it."""

    folder: Path
    keys: tuple[Key, ...]
    passphrase: bytes | None = None

    def of(self, role: Role) -> tuple[Key, ...]:
        """The keys of a role."""
        return tuple(key for key in self.keys if key.role == role)

    def at_hand(self, role: Role) -> tuple[Key, ...]:
        """The keys of a role less those whose file is elsewhere, such as in a safe."""
        return tuple(key for key in self.of(role) if not (name := key.file) or (self.folder / name).is_file())

    def signers(self, role: Role, keyids: Collection[str]) -> list[Signer]:
        """The signers of a role, of the keys at hand with these ids.

        Raises:
            StoreError: If a key cannot be used.
        """
        return [self._signer(key) for key in self.at_hand(role) if key.keyid in keyids]

    def with_new(self, role: Role, external: tuple[str, Path] | None = None) -> "KeyRing":
        """The ring with another key of a role, made here or external.

        Args:
            external: A signer's URI, and the file of its public key (PEM).

        Raises:
            StoreError: If the public key cannot be read, or the ring cannot be written.
        """
        return self._written((*self.keys, _external(role, *external) if external else self._make(role)))

    def with_all(self) -> "KeyRing":
        """The ring with another key of each role, made here and listed all at once: no part of them is ever met."""
        return self._written((*self.keys, *map(self._make, ROLES)))

    def without(self, keyids: Collection[str]) -> "KeyRing":
        """The ring less these keys, whose files are deleted."""
        left = self._written(key for key in self.keys if key.keyid not in keyids)
        for key in self.keys:
            if key.keyid in keyids and key.file:
                (self.folder / key.file).unlink(missing_ok=True)
        listed = {key.file for key in left.keys}
        for keyid in keyids:
            # Of one that is not listed too: a run that was killed may have come no further than the list.
            for path in self.folder.glob(f"*-{glob.escape(keyid[:12])}{PRIVATE}"):
                if path.name not in listed:
                    path.unlink(missing_ok=True)
        return left

    def _make(self, role: Role) -> Key:
        private = Ed25519PrivateKey.generate()
        public = SSlibKey.from_crypto(private.public_key())
        name = f"{role}-{public.keyid[:12]}{PRIVATE}"
        encryption = BestAvailableEncryption(self.passphrase) if self.passphrase else NoEncryption()
        path = self.folder / name
        beside = path.with_name(f".{name}{UNLISTED}")
        with private_file(beside) as file:
            file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
        return Key(role, public, f"{PEM}:{name}")

    def _written(self, keys: Iterable[Key]) -> "KeyRing":
        ring = replace(self, keys=tuple(keys))
        listed = [
            {"role": key.role, "keyid": key.keyid, "public": key.public.to_dict(), "signer": key.uri}
            for key in ring.keys
        ]
        write_whole(self.folder / KEYS_FILE, canonical({"format": FORMAT, "keys": listed}))
        for left in self.folder.glob(f".*{PRIVATE}{UNLISTED}"):  # by a run that was killed, before anybody knew of it
            left.unlink(missing_ok=True)
        return ring

    def _signer(self, key: Key) -> Signer:
        try:
            if key.file:
                private = load_pem_private_key((self.folder / key.file).read_bytes(), self.passphrase)
                if not isinstance(private, Ed25519PrivateKey):
                    raise ValueError("it is not an Ed25519 key")
                return CryptoSigner(private, key.public)
            return Signer.from_priv_key_uri(key.uri, key.public, lambda _: (self.passphrase or b"").decode())
        except TypeError as error:  # a passphrase too many, or none where one is needed
            raise StoreError(f"{self.folder}: the {key.role} key: {error}; {PASSPHRASE} gives the passphrase") from None
        except Exception as error:  # a signer of any kind fails in its own way
            raise StoreError(
                f"{self.folder}: the {key.role} key {key.keyid[:12]} cannot sign by {key.uri} ({error}); check the "
                f"file or the device, and the passphrase in {PASSPHRASE}"
            ) from None


def default_keys(store: Path) -> Path:
    """`$COINDEX_KEYS`, or `keys` in the store's folder."""
    return Path(os.environ.get("COINDEX_KEYS") or store / "keys")


def new_keys(folder: Path, *, passphrase: str | None = None) -> KeyRing:
    """Make a folder with one key for each role, encrypted where there is a passphrase.

    Raises:
        StoreError: If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        ring = KeyRing(folder, (), _secret(passphrase)).with_all()
    except OSError as error:
        raise StoreError(f"{folder}: keys cannot be written ({error.strerror}); --keys names another folder") from None
    return ring


def read_keys(folder: Path, *, passphrase: str | None = None) -> KeyRing | None:
    """The keys of a folder; None where it has none.

    Args:
        passphrase: Opens encrypted keys; by default `$COINDEX_KEYS_PASSPHRASE`.

    Raises:
        StoreError: If the list of keys is damaged.
    """
    path = folder / KEYS_FILE
    try:
        fields = Fields(parse_json(path.read_bytes()))
        if fields.whole("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}; update coindex")
        return KeyRing(folder, tuple(map(_key, fields.listed("keys"))), _secret(passphrase))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, OSError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); bring it back from a backup") from None


def _secret(passphrase: str | None) -> bytes | None:
    return (passphrase or os.environ.get(PASSPHRASE) or "").encode() or None


def _key(fields: Fields) -> Key:
    role = fields.text("role")
    if role not in ROLES:
        raise ValueError(f"there is no role {role!r}")
    public = fields.part("public")
    value = public.part("keyval").text("public")
    key = SSlibKey(fields.text("keyid"), public.text("keytype"), public.text("scheme"), {"public": value})
    return Key(role, key, fields.text("signer"))


def _external(role: Role, uri: str, public: Path) -> Key:
    try:
        found = load_pem_public_key(public.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(f"{public}: no public key in PEM ({error}); export it from the signer") from None
    if not isinstance(found, Ed25519PublicKey):
        raise StoreError(f"{public}: not an Ed25519 key, which is what phones and browsers verify; make one")
    return Key(role, SSlibKey.from_crypto(found), uri)
