"""What a running server does beside answering."""

import threading

import pytest

from catalog_server.jobs import caretaker as module
from catalog_server.jobs.caretaker import Caretaker, Task


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


class Counted:
    def __init__(self, goal, fails=False):
        self.times, self.goal, self.fails = 0, goal, fails
        self.reached = threading.Event()

    def __call__(self):
        self.times += 1
        if self.times >= self.goal:
            self.reached.set()
        if self.fails:
            raise RuntimeError("no such luck")


def test_tasks_are_done_at_once_and_again_when_their_time_comes(tmp_path):
    often, once = Counted(3), Counted(1)
    caretaker = Caretaker(tmp_path, [Task("often", 0.001, often), Task("once", 3600, once)])
    caretaker.start()
    assert often.reached.wait(20)
    caretaker.stop()
    assert once.times == 1 and often.times >= 3


def test_a_task_that_fails_is_logged_and_tried_again(tmp_path, caplog):
    failing = Counted(2, fails=True)
    caretaker = Caretaker(tmp_path, [Task("renewing the timestamp", 0.001, failing)])
    caretaker.start()
    assert failing.reached.wait(20)
    caretaker.stop()
    assert "renewing the timestamp failed" in caplog.text and "no such luck" in caplog.text


def test_one_caretaker_of_a_store_works_and_another_takes_over(tmp_path):
    first, second = Counted(1), Counted(1)
    one = Caretaker(tmp_path, [Task("first", 0.001, first)])
    other = Caretaker(tmp_path, [Task("second", 0.001, second)])
    one.start()
    assert first.reached.wait(20)
    other.start()
    assert not second.reached.wait(0.1)
    one.stop()
    assert second.reached.wait(20)
    other.stop()


def test_without_tasks_it_waits_to_be_stopped(tmp_path):
    caretaker = Caretaker(tmp_path, [])
    caretaker.start()
    caretaker.stop()
