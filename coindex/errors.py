"""What can go wrong, as one tree.

    CoindexError
    ├── PhotoError               a photo cannot be read
    │   ├── PhotoTooLarge        more pixels than the limit allows; refused before decoding
    │   └── NoCoinFound          a photo that must show a coin shows none
    ├── ManifestError            a labelled-data file is wrong; names the line
    ├── ModelError               a model file is missing, damaged or not the one its index describes
    ├── CatalogError             a catalogue is missing, damaged or inconsistent
    │   └── SpaceMismatch        model and catalogue speak of different embedding spaces
    ├── SyncError                a release cannot be fetched
    │   └── ReleaseRejected      what was fetched is not what the release index describes
    ├── StoreError               the server's store refuses a change
    ├── EngineError              a search engine is missing, cannot be reached or does not answer as it must
    ├── TrainingError            training cannot start or go on
    └── ExportError              a checkpoint cannot be turned into a phone model

Every message names the file or field, what was wrong, what was expected and what to do.
"""

__all__ = [
    "CatalogError",
    "CoindexError",
    "EngineError",
    "ExportError",
    "ManifestError",
    "ModelError",
    "NoCoinFound",
    "PhotoError",
    "PhotoTooLarge",
    "ReleaseRejected",
    "SpaceMismatch",
    "StoreError",
    "SyncError",
    "TrainingError",
]


class CoindexError(Exception):
    """Base of every error that a user can cause or mend."""


class PhotoError(CoindexError):
    """A photo cannot be read."""


class PhotoTooLarge(PhotoError):
    """A photo has more pixels than the limit allows; it was refused before decoding."""


class NoCoinFound(PhotoError):
    """A photo that must show a coin shows none."""


class ManifestError(CoindexError):
    """A labelled-data file is wrong; the message names the line."""


class ModelError(CoindexError):
    """A model file is missing, damaged, or not the one that its index describes."""


class CatalogError(CoindexError):
    """A catalogue is missing, damaged or inconsistent."""


class SpaceMismatch(CatalogError):
    """Model and catalogue speak of different embedding spaces."""


class SyncError(CoindexError):
    """A release cannot be fetched."""


class ReleaseRejected(SyncError):
    """What was fetched is not what the release index describes."""


class StoreError(CoindexError):
    """The server's store refuses a change."""


class EngineError(CoindexError):
    """A search engine is missing, cannot be reached, or does not answer as it must."""


class TrainingError(CoindexError):
    """Training cannot start or go on."""


class ExportError(CoindexError):
    """A checkpoint cannot be turned into a phone model."""
