"""Pace and time left, with a clock that the test turns; and the choice of a device."""

import io
import platform
import subprocess
import sys
import time

import pytest
from rich.console import Console

torch = pytest.importorskip("torch", reason="needs the training extra")

from coindex.errors import TrainingError  # noqa: E402
from training.bars import Pace, clock_time, epoch_line, training_bars  # noqa: E402
from training.device import CPU, Device, choose_device, machine  # noqa: E402
from training.loop import Schedule  # noqa: E402

SCHEDULE = Schedule(epochs=3, steps=10, batch=8, rates=(1.0,), weight_decay=0.0, ema_decay=0.9)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def paced(steps, *, done=0, seconds=2.0):
    clock = Clock()
    pace = Pace(SCHEDULE, done, clock)
    for _ in range(steps):
        clock.now += seconds
        pace.step()
    return pace, clock


def test_eight_examples_in_two_seconds_are_four_a_second():
    assert paced(3)[0].examples_per_s == pytest.approx(4.0)


def test_time_left_counts_the_steps_of_the_epoch_and_of_the_run():
    pace, _ = paced(4)
    assert pace.epoch_left == pytest.approx(6 * 2)
    assert pace.run_left == pytest.approx(26 * 2)


def test_the_run_lasts_until_the_last_judgement_as_long_as_the_one_before():
    pace, clock = paced(10)
    assert pace.epoch_left == 0
    clock.now += 30
    pace.judged()
    assert pace.run_left == pytest.approx(20 * 2 + 2 * 30)
    assert pace.examples_per_s == pytest.approx(4.0)  # judging is no part of the pace


def test_a_resumed_run_has_only_its_own_epochs_left():
    assert paced(5, done=2)[0].run_left == pytest.approx(5 * 2)


def test_nothing_is_known_before_the_first_step():
    pace, _ = paced(0)
    assert (pace.examples_per_s, pace.run_left) == (0.0, 0.0)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00:00"), (61.4, "0:01:01"), (36_605, "10:10:05")])
def test_seconds_are_shown_as_on_a_clock(seconds, shown):
    assert clock_time(seconds) == shown


def test_an_epochs_line_says_its_figures_and_that_weights_were_random():
    row = {"epoch": 2, "loss": 1.5, "recall": {"val": {"1": 0.5}}, "cosine": {}, "losses": [1.0, 2.0]}
    row |= {"examples_per_s": 30.0, "seconds": 60.0, "judge_seconds": 5.0}
    line = epoch_line(row, 8, "random init")
    assert line == "epoch 2/8  loss 1.500  recall: val: 1 0.500  30.0 examples/s, 0:01:05  random init"


def test_bars_are_there_from_the_first_moment_until_the_last_epoch(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("training.bars.Console", lambda **_: Console(file=shown, force_terminal=True, width=120))
    with training_bars() as (loading, report):
        assert "Checking weights and data" in drawn(shown)
        loading("train", 3, 7)
        assert "Loading train" in drawn(shown) and "3/7" in shown.getvalue()
        report.begin(SCHEDULE, 0)
        assert "composing the first pictures" in drawn(shown) and "0/30" in shown.getvalue()


def drawn(shown, *, within=5.0):
    """What a terminal has got, once the next picture of the bars is drawn."""
    began, before = time.monotonic(), len(shown.getvalue())
    while len(shown.getvalue()) == before and time.monotonic() - began < within:
        time.sleep(0.02)
    time.sleep(0.2)
    return shown.getvalue()


def test_the_cpu_is_taken_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == choose_device("cpu") == CPU
    with pytest.raises(TrainingError, match="finds no GPU here"):
        choose_device("cuda")


def test_a_gpu_is_taken_where_there_is_one_in_the_precision_that_it_has(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda name: (7, 5) if name == "cuda:1" else (9, 0))
    assert choose_device().name == "cuda"
    assert not choose_device().scales_loss
    assert choose_device("cuda:1").precision == torch.float16
    assert choose_device("cuda:1").scales_loss
    with pytest.raises(TrainingError, match="finds 2 GPUs here"):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "mps", "cuda:x"])
def test_what_is_no_device_is_refused_by_its_name(name):
    with pytest.raises(TrainingError, match=f"--device {name}"):
        choose_device(name)


def test_a_machine_is_described_in_words():
    words = machine(CPU, 1)
    assert set(words) == {"processor", "precision", "software"}
    assert words["processor"].endswith("1 thread")
    assert words["precision"].startswith(str(CPU.precision).removeprefix("torch."))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_memory_that_is_freed_is_kept_for_the_next_step():
    steps = (
        "import resource; from training.device import keep_memory; assert {keep} == ({keep} and keep_memory())\n"
        "for _ in range(3): began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt; b'x' * (1 << 27)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - began)"
    )
    given_back, kept = (
        int(subprocess.run([sys.executable, "-c", steps.format(keep=keep)], capture_output=True, check=True).stdout)
        for keep in (False, True)
    )
    assert 10 * kept < given_back


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float32])
def test_a_forward_pass_runs_in_the_precision_of_its_device(precision):
    with Device("cpu", precision).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == precision
