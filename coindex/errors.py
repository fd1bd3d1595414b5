"""What can go wrong, as one tree.

    CoindexError
    ├── PhotoError               a photo cannot be read
    │   ├── PhotoTooLarge        more pixels than the limit allows; rejected before decoding
    │   └── NoCoinFound          a photo that must show a coin shows none
    ├── ManifestError            a labelled-data file is wrong; names the line
    ├── ModelError               a model file is missing, damaged or not the one that its index describes
    ├── CatalogError             a catalogue is missing, damaged or inconsistent
    │   └── SpaceMismatch        model and catalogue belong to different embedding spaces
    ├── SyncError                a release cannot be fetched
    │   ├── NotServed            the server has no file at an address
    │   └── ReleaseRejected      a release is unsigned, signed by others, altered, outdated or expired
    ├── SettingsError            a setting of the server is wrong; names its key
    ├── StoreError               the server's store rejects a change
    │   ├── StaleChange          somebody else changed the same thing in the meantime
    │   ├── AccountError         an account, a password, a session or a token is rejected
    │   │   └── SignInThrottled  too many failed sign-ins; says how long to wait
    │   └── JobCancelled         a job was told to stop
    ├── Busy                     another process is doing the same work here
    ├── EngineError              a search engine is missing, unreachable or answers wrongly
    ├── TrainingError            training cannot start or continue
    └── ExportError              a checkpoint cannot be turned into a phone model

Every message names the file or field, what was wrong, what was expected and what to do.
"""

__all__ = [
    "AccountError",
    "Busy",
    "CatalogError",
    "CoindexError",
    "EngineError",
    "ExportError",
    "JobCancelled",
    "ManifestError",
    "ModelError",
    "NoCoinFound",
    "NotServed",
    "PhotoError",
    "PhotoTooLarge",
    "ReleaseRejected",
    "SettingsError",
    "SignInThrottled",
    "SpaceMismatch",
    "StaleChange",
    "StoreError",
    "SyncError",
    "TrainingError",
]


class CoindexError(Exception):
    """Base of every error that a user can cause or correct."""


class PhotoError(CoindexError):
    """A photo cannot be read: `reason` says why, the message names the `photo` before it where one is given."""

    def __init__(self, reason: str, *, photo: str | None = None) -> None:
        super().__init__(f"{photo}: {reason}" if photo else reason)
        self.reason = reason


class PhotoTooLarge(PhotoError):
    """A photo has more pixels than the limit allows; it was rejected before decoding."""


class NoCoinFound(PhotoError):
    """A photo that must show a coin shows none."""


class ManifestError(CoindexError):
    """A labelled-data file is wrong; the message names the line."""


class ModelError(CoindexError):
    """A model file is missing, damaged, or not the one that its index describes."""


class CatalogError(CoindexError):
    """A catalogue is missing, damaged or inconsistent."""


class SpaceMismatch(CatalogError):
    """Model and catalogue belong to different embedding spaces."""


class SyncError(CoindexError):
    """A release cannot be fetched."""


class NotServed(SyncError):
    """The server has no file at an address."""


class ReleaseRejected(SyncError):
    """A release is unsigned, signed by others, altered, outdated or expired."""


class SettingsError(CoindexError):
    """A setting of the server is wrong; the message names its key and where it was set."""


class StoreError(CoindexError):
    """The server's store rejects a change."""


class StaleChange(StoreError):
    """Somebody else changed the same thing in the meantime; the message says who and what."""


class AccountError(StoreError):
    """An account, a password, a session or a token is rejected."""


class SignInThrottled(AccountError):
    """Too many sign-ins failed; `retry_after` is the number of seconds to wait."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class JobCancelled(StoreError):
    """A job was told to stop; nothing of it was kept."""


class Busy(CoindexError):
    """Another process is doing the same work; the message names the work and the folder."""


class EngineError(CoindexError):
    """A search engine is missing, unreachable, or answers wrongly."""


class TrainingError(CoindexError):
    """Training cannot start or continue."""


class ExportError(CoindexError):
    """A checkpoint cannot be turned into a phone model."""
