"""What takes long, and what must not run side by side."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SLOW_FOLDERS = ("benchmarks", "docs", "end_to_end", "export", "native", "packaging", "training", "web")
"""Nets that are trained and exported, compilers, browsers, installs and whole commands: minutes a folder."""

TOGETHER = ("native", "web")
"""Folders whose tests build one thing in one place (the core, the page of the browser's tests), and take turns."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests share a process, and so its fixtures. Marks of groups do not reach xdist 3.8 from pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            folder, _, file = nodeid.partition("::")[0].removeprefix("tests/").partition("/")
            return folder if folder in TOGETHER else f"{folder}/{file}"

    return ByFile(config, log)
