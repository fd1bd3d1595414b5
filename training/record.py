"""A run's folder: where it came from, how far it is, and what its last epoch was judged by.

    run.json          what it was begun with, the coins it loaded, and each session with its machine
    state.pt          what it goes on from (`training.loop`)
    history.jsonl     a row an epoch (`training.loop`)
    judgement.json    the last epoch's figures and pictures
    tensorboard/      the log for TensorBoard (`training.board`)
    report.html       all of it for people (`training.report`)

Each file is written whole or not at all.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coindex.disk import write_whole
from coindex.errors import TrainingError
from coindex.manifest import LabelledPhoto
from training.judgement import Judgement, read_judgement
from training.loop import HISTORY, STATE, Row

__all__ = [
    "RANDOM_INIT",
    "Origin",
    "Record",
    "Session",
    "begin_session",
    "check_origin",
    "describe_photos",
    "read_record",
    "write_judgement",
]

RUN, JUDGEMENT = "run.json", "judgement.json"

RANDOM_INIT = "random init"
"""What stands beside every figure of a net that did not start from pretrained weights."""


@dataclass(frozen=True)
class Origin:
    """What a run is begun with, and must be called with to go on: JSON values alone.

    `data` counts the photos by where they come from, with a digest of what they are.
    """

    net: str
    preset: str
    seed: int
    weights: str
    settings: dict[str, Any]
    data: dict[str, Any]


@dataclass(frozen=True)
class Session:
    """A time that a run was called: when (ISO 8601, UTC), after how many epochs, and on what machine."""

    began: str
    epochs_done: int
    machine: dict[str, str]


@dataclass(frozen=True)
class Record:
    """All that a run's folder says; `coins` counts those loaded: source → coins, classes.

    `judgement` is that of epoch `judged`.
    """

    origin: Origin
    coins: dict[str, dict[str, int]]
    sessions: tuple[Session, ...]
    history: tuple[Row, ...]
    judged: int
    judgement: Judgement

    @property
    def epochs(self) -> int:
        """How many epochs the run is to have."""
        return int(self.origin.settings["epochs"])

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return len(self.history) >= self.epochs


def describe_photos(
    photos: Sequence[LabelledPhoto], folder: Path, others: Mapping[str, Iterable[Path]]
) -> dict[str, Any]:
    """Counts of labelled photos by split and of the `others` by name, and a digest of their labels, names and sizes.

    Sizes in bytes stand for the pictures: reading all of them would take as long as loading them.
    """
    digest = hashlib.sha256()
    counts: dict[str, Any] = {}
    for photo in photos:
        counts[photo.split] = counts.get(photo.split, 0) + 1
        name = photo.path.relative_to(folder).as_posix()
        row = [
            name,
            photo.path.stat().st_size,
            *asdict(photo.label).values(),
            photo.specimen,
            photo.design,
            photo.split,
        ]
        digest.update(json.dumps(row).encode() + b"\n")
    for name, files in others.items():
        listed = sorted((file.name, file.stat().st_size) for file in files)
        counts[name] = len(listed)
        digest.update(json.dumps([name, listed]).encode() + b"\n")
    return {**counts, "digest": digest.hexdigest()[:16]}


def check_origin(folder: Path, origin: Origin) -> None:
    """Refuse to go on with a run that was begun with something else.

    Raises:
        TrainingError: If anything differs; the message says what.
    """
    if not (folder / STATE).exists():
        return
    there, here = _flat(asdict(_read_run(folder)[0])), _flat(asdict(origin))
    differing = [
        f"{name}: {_shown(there.get(name))} there, {_shown(here.get(name))} here"
        for name in dict.fromkeys((*there, *here))
        if there.get(name) != here.get(name)
    ]
    if differing:
        raise TrainingError(
            f"{folder}: this run was begun with other settings or data; what differs:\n  "
            + "\n  ".join(differing)
            + "\nGo on with what it was begun with, or start again: give another --run folder, or remove this one"
        )


def begin_session(
    folder: Path, origin: Origin, coins: Mapping[str, Mapping[str, int]], machine: dict[str, str]
) -> None:
    """Note in the run's folder, which is made, that it is being worked on.

    Raises:
        TrainingError: If the folder holds a damaged record of a run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    goes_on = (folder / STATE).exists()
    sessions = _read_run(folder)[2] if goes_on else ()
    done = len(_read_history(folder)) if goes_on else 0
    now = datetime.now(UTC).isoformat(timespec="seconds")
    document = {
        "origin": asdict(origin),
        "coins": coins,
        "sessions": [asdict(each) for each in (*sessions, Session(now, done, machine))],
    }
    write_whole(folder / RUN, json.dumps(document, indent=1, ensure_ascii=False).encode())


def write_judgement(folder: Path, epoch: int, judgement: Judgement) -> None:
    """Keep what an epoch was judged by."""
    write_whole(folder / JUDGEMENT, json.dumps({"epoch": epoch, **asdict(judgement)}).encode())


def read_record(folder: Path) -> Record:
    """All that a run's folder says.

    Raises:
        TrainingError: If it is no run's or no epoch is done.
    """
    if not (folder / RUN).exists():
        raise TrainingError(
            f"{folder}: no training run is kept here; give the folder of one, such as runs/embedder-mobile"
        )
    origin, coins, sessions = _read_run(folder)
    history = _read_history(folder)
    if not history:
        raise TrainingError(f"{folder}: no epoch of this run is done yet; call it again after the first")
    try:
        document = json.loads((folder / JUDGEMENT).read_text("utf-8"))
        return Record(origin, coins, sessions, history, int(document["epoch"]), read_judgement(document))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{folder / JUDGEMENT}: not readable ({type(error).__name__}: {error}); call the training again, "
            "which writes it after its next epoch"
        ) from None


def _read_run(folder: Path) -> tuple[Origin, dict[str, dict[str, int]], tuple[Session, ...]]:
    try:
        document = json.loads((folder / RUN).read_text("utf-8"))
        sessions = tuple(Session(**each) for each in document["sessions"])
        return Origin(**document["origin"]), document["coins"], sessions
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{folder / RUN}: does not say what this run was begun with ({type(error).__name__}: {error}); "
            "give another --run folder, or remove this one to start again"
        ) from None


def _read_history(folder: Path) -> tuple[Row, ...]:
    path = folder / HISTORY
    try:
        return tuple(json.loads(line) for line in path.read_text("utf-8").splitlines()) if path.exists() else ()
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path}: not readable ({error}); call the training again, which writes it from its state"
        ) from None


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    # As JSON reads them back: lists for tuples.
    return json.loads(json.dumps(flat)) if not above else flat


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
