"""Failures of the libraries that training stands on, in words that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coindex.errors import TrainingError

__all__ = ["explain_missing_weights"]


@contextmanager
def explain_missing_weights(backbone: str, path: Path | None = None) -> Iterator[None]:
    """Turn whatever goes wrong in reading pretrained weights into a `TrainingError`.

    Raises:
        TrainingError: In place of any error, with what to do.
    """
    try:
        yield
    except TrainingError:
        raise
    except Exception as error:
        where = f"{path}: not readable as weights" if path else "the model hub cannot be reached"
        raise TrainingError(
            f"pretrained weights of {backbone}: {where} ({type(error).__name__}: {error}); "
            "give them as a local file with --weights FILE (.npz, .safetensors or .pth under timm's names), or train "
            "from scratch with --weights random"
        ) from None
