"""The loop itself, on a net of two weights: stopped at any moment, it goes on as if it had not been."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training extra")

from torch import nn  # noqa: E402
from torch.utils.data import IterableDataset  # noqa: E402

from coindex.errors import TrainingError  # noqa: E402
from training.device import CPU, Device  # noqa: E402
from training.judgement import Judgement  # noqa: E402
from training.loop import HISTORY, STATE, Reporter, Schedule, Step, everyone, fit  # noqa: E402

SCHEDULE = Schedule(epochs=3, steps=4, batch=2, rates=(0.05,), weight_decay=0.01, ema_decay=0.9)


class Numbers(IterableDataset[torch.Tensor]):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[torch.Tensor]:
        rng = np.random.default_rng(self.epoch)
        while True:
            yield torch.tensor(rng.normal(size=2), dtype=torch.float32)


def train(run: Path, *, report=None, schedule=SCHEDULE, outputs=1, workers=0, loss=None, device=CPU):
    torch.manual_seed(0)
    # Dropout draws from PyTorch's own generator, which a resumed run must find where it was.
    net = nn.Sequential(nn.Dropout(0.3), nn.Linear(2, outputs))

    def squared(batch):
        return ((net(batch) - 1) ** 2).mean()

    def judge(average):
        return Judgement({"validation_loss": float(average(torch.ones(1, 2)).detach().mean())})

    return fit(
        net,
        Numbers,
        loss or squared,
        judge,
        [list(net.parameters())],
        schedule,
        run=run,
        workers=workers,
        device=device,
        report=report,
    )


def rows(run):
    return [json.loads(line) for line in (run / HISTORY).read_text().splitlines()]


def without_times(history):
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "judge_seconds", "examples_per_s")} for row in history
    ]


def stop_at(number):
    def step(done: Step) -> None:
        if done.number == number:
            raise KeyboardInterrupt

    return Reporter(step=step)


def assert_equal(a, b):
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name


@pytest.mark.parametrize("stopped_at", [2, 4, 7, 12])
def test_a_stopped_run_ends_as_the_run_that_was_not_stopped(tmp_path, stopped_at):
    whole = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", report=stop_at(stopped_at))
    resumed = train(tmp_path / "stopped")
    assert_equal(whole, resumed)
    assert without_times(rows(tmp_path / "stopped")) == without_times(rows(tmp_path / "whole"))


def test_a_scaled_loss_trains_as_an_unscaled_one_and_its_scale_is_resumed(tmp_path):
    half = Device("cpu", torch.float16)
    plain, scaled = train(tmp_path / "plain"), train(tmp_path / "scaled", device=half)
    for name, value in plain.state_dict().items():
        assert torch.allclose(value, scaled.state_dict()[name], atol=1e-5), name
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", device=half, report=stop_at(9))
    assert torch.load(tmp_path / "stopped" / STATE)["scaler"]["_growth_tracker"] == 8
    assert_equal(scaled, train(tmp_path / "stopped", device=half))


def test_workers_of_their_own_give_each_epoch_its_batches_and_no_more(tmp_path):
    seen = []
    five = Schedule(epochs=3, steps=5, batch=2, rates=(0.05,), weight_decay=0.01, ema_decay=0.9)
    train(tmp_path, schedule=five, workers=2, report=Reporter(step=lambda step: seen.append((step.epoch, step.step))))
    assert seen == [(epoch, step) for epoch in (1, 2, 3) for step in (1, 2, 3, 4, 5)]


def test_a_kill_between_the_state_and_the_history_leaves_no_row_missing_or_twice(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, report=stop_at(9))
    (tmp_path / HISTORY).write_text("")  # the state of epoch 2 was written, its row was not
    (tmp_path / "state.part").write_bytes(b"half a state")
    train(tmp_path)
    assert [row["epoch"] for row in rows(tmp_path)] == [1, 2, 3]


def test_a_report_that_fails_loses_no_epoch(tmp_path):
    def full_disk(history, judgement):
        raise OSError

    with pytest.raises(OSError):
        train(tmp_path, report=Reporter(epoch=full_disk))
    begun = []
    train(tmp_path, report=Reporter(begin=lambda schedule, done: begun.append(done)))
    assert begun == [1]


def test_a_finished_run_is_judged_again_but_not_trained(tmp_path):
    first = train(tmp_path)
    told, steps = [], []
    report = Reporter(
        step=steps.append, epoch=lambda history, judgement: told.append((len(history), judgement.figures))
    )
    assert_equal(first, train(tmp_path, report=report))
    assert steps == []
    assert told == [(3, {"validation_loss": rows(tmp_path)[-1]["validation_loss"]})]


def test_the_state_of_another_schedule_is_refused_with_what_differs(tmp_path):
    train(tmp_path)
    other = Schedule(epochs=5, steps=4, batch=2, rates=(0.1,), weight_decay=0.01, ema_decay=0.9)
    with pytest.raises(TrainingError, match=r"epochs was 3, is 5; rates was \[0.05\], is \[0.1\]; give another --run"):
        train(tmp_path, schedule=other)


def test_the_state_of_another_net_is_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(TrainingError, match="another net or of other classes"):
        train(tmp_path, outputs=2)


@pytest.mark.parametrize("content", [b"", b"no state"])
def test_a_damaged_state_is_refused_by_its_name(tmp_path, content):
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(TrainingError, match=r"state\.pt: not readable .*remove"):
        train(tmp_path)


def test_a_state_without_history_is_of_an_older_version(tmp_path):
    torch.save({"epoch": 1}, tmp_path / STATE)
    with pytest.raises(TrainingError, match="older version"):
        train(tmp_path)


def test_a_loss_that_is_no_number_stops_the_run_in_words(tmp_path):
    with pytest.raises(TrainingError, match="the loss is nan in step 1 of epoch 1"):
        train(tmp_path, loss=lambda batch: torch.tensor(float("nan"), requires_grad=True))


def test_a_step_tells_where_the_run_is_and_the_rates_that_it_was_made_with(tmp_path):
    steps = []
    train(tmp_path, report=everyone(Reporter(step=steps.append), Reporter()))
    assert [step.number for step in steps] == list(range(1, 13))
    assert (steps[4].epoch, steps[4].step) == (2, 1)
    rates = [step.rates[0] for step in steps]
    assert max(rates) == pytest.approx(0.05, rel=0.2)
    assert rates[-1] < rates[0] < max(rates)  # up in the first tenth, then down to almost nothing


def test_a_row_keeps_the_loss_over_the_epoch_and_what_it_took(tmp_path):
    train(tmp_path)
    row = rows(tmp_path)[0]
    assert len(row["losses"]) == 4
    assert np.mean(row["losses"]) == pytest.approx(row["loss"])
    assert row["seconds"] > 0
    assert row["judge_seconds"] >= 0
