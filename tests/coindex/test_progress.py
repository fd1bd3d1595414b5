"""Progress where stderr is no terminal: lines of plain text, few enough for a log."""

import io
import sys

import pytest

from coindex.commands.progress import LONGEST_SILENCE, STEPS, progress_bar, progress_lines


@pytest.fixture
def told():
    """What is written, and a clock that stands still unless it is moved."""

    class Told(list):
        now = 0.0

    return Told()


@pytest.fixture
def progress(told):
    return progress_lines("Encoding photos", told.append, clock=lambda: told.now)


def test_there_is_one_line_for_each_five_percent(progress, told):
    for done in range(1001):
        progress(done, 1000)
    assert len(told) == STEPS and told[0].startswith("Encoding photos: 50 of 1000 (5 %)")
    assert told[-1] == "Encoding photos: 1000 of 1000 (100 %)"


def test_each_of_a_few_things_has_a_line(progress, told):
    for done in range(4):
        progress(done, 3)
    assert [line.split(",")[0] for line in told] == [f"Encoding photos: {n} of 3 ({100 * n // 3} %)" for n in (1, 2, 3)]


def test_a_line_says_how_long_the_rest_takes(progress, told):
    for told.now, done in ((0.0, 0), (10.0, 50), (600.0, 100)):
        progress(done, 1000)
    assert told == [
        "Encoding photos: 50 of 1000 (5 %), about 3 min left",
        "Encoding photos: 100 of 1000 (10 %), about 90 min left",
    ]


def test_slow_work_has_a_line_though_it_is_within_its_five_percent(progress, told):
    for told.now, done in ((0.0, 0), (LONGEST_SILENCE - 1, 1), (LONGEST_SILENCE, 2), (LONGEST_SILENCE + 1, 3)):
        progress(done, 100_000)
    assert [line.split(" (")[0] for line in told] == ["Encoding photos: 2 of 100000"]


def test_nothing_to_do_has_no_line(progress, told):
    progress(0, 0)
    progress(0, 10)
    assert told == []


@pytest.mark.parametrize(("lines", "said"), [(True, "Encoding photos: 1 of 1 (100 %)\n"), (False, "")])
def test_a_pipe_gets_lines_on_request_alone(monkeypatch, lines, said):
    monkeypatch.setattr(sys, "stderr", pipe := io.StringIO())
    with progress_bar("Encoding photos", lines=lines) as progress:
        progress(0, 1)
        progress(1, 1)
    assert pipe.getvalue() == said
