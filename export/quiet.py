"""Converters that keep to themselves: TensorFlow, onnx2tf and coremltools print pages that concern nobody."""

import contextlib
import io
import os
import tempfile
import warnings
from collections.abc import Iterator

__all__ = ["quiet"]


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Keep what is printed, warned and logged within the block from the terminal.

    Yields the text that Python code printed, for an error message. What C++ code writes past Python, to the process's
    stderr, is dropped.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    log = io.StringIO()
    with (
        _native_stderr_dropped(),
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield log


@contextlib.contextmanager
def _native_stderr_dropped() -> Iterator[None]:
    with contextlib.ExitStack() as at_end:
        try:
            stderr = os.dup(2)
        except OSError:  # there is no stderr, and nothing to keep quiet
            yield
            return
        at_end.callback(os.close, stderr)
        dropped = at_end.enter_context(tempfile.TemporaryFile(buffering=0))
        os.dup2(dropped.fileno(), 2)
        at_end.callback(os.dup2, stderr, 2)
        yield
