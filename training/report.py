"""A run as one page that needs nothing beside it: `Record` in, HTML out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from coindex.disk import write_whole
from coindex.metrics import RECALL_AT
from training.bars import clock_time
from training.charts import Series, histogram, line_chart, map_chart
from training.judgement import RetrievalJudgement
from training.record import RANDOM_INIT, Record, read_record

__all__ = ["ARTICLE_IOU", "ARTICLE_RECALL", "REPORT", "report_page", "write_report"]

REPORT = "report.html"

ARTICLE_RECALL = {"1": 0.90, "2": 0.91, "5": 0.96, "10": 0.99, "20": 1.0}
"""The article's recall@k on unseen classes: float nets on a server, its own photos."""

ARTICLE_IOU = {"without augmentation": (0.952, 0.949), "with augmentation": (0.976, 0.960)}
"""The article's IoU at thresholds 0.3 and 0.5."""

VALIDATION = {
    "embedder": "The validation loss is that of views of training classes which no training step sees, by the running "
    "average: ArcFace knows no loss of a class that it was not trained on. The training loss is of the net itself.",
    "relief": "The validation loss is that of a batch of pairs in views which no training step sees, by the running "
    "average. Recall is by reliefs alone. The training loss is of the net itself.",
    "segmenter": "The validation loss is that of scenes of held-out coins and surfaces, by the running average. The "
    "training loss is of the net itself.",
}


@dataclass(frozen=True)
class Chart:
    """A chart with its legend's series."""

    title: str
    note: str
    series: tuple[Series, ...]
    svg: Markup


@dataclass(frozen=True)
class Row:
    """A row of the table of figures; `ours` tells it from the article's."""

    name: str
    note: str
    values: tuple[float, ...]
    ours: bool


def write_report(folder: Path) -> Path:
    """Write the report of a run into its folder, whole or not at all.

    Raises:
        TrainingError: If the folder keeps no run, as in `read_record`.
    """
    page = report_page(read_record(folder), name=folder.resolve().name)
    write_whole(folder / REPORT, page.encode())
    return folder / REPORT


def report_page(record: Record, *, name: str) -> str:
    """The HTML of a run that is called `name`; it links to nothing outside itself."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    columns, rows = _table(record)
    return environment.from_string(_resource("report.html")).render(
        style=Markup(_resource("report.css").strip()),
        name=name,
        record=record,
        label=RANDOM_INIT if record.origin.weights == RANDOM_INIT else "",
        headline=_headline(record),
        state=_state(record),
        facts=_facts(record),
        columns=columns,
        rows=rows,
        charts=_charts(record),
        validation=VALIDATION[record.origin.net],
        retrievals=[(each, _map(each)) for each in record.judgement.retrievals],
        ious=_iou_chart(record),
        epochs=_epochs(record),
        settings=_lines(record.origin.settings),
        photos=_lines(record.origin.data),
        machine=record.sessions[-1].machine,
        clock_time=clock_time,
    )


def _headline(record: Record) -> str:
    if record.origin.net == "segmenter":
        return f"IoU {record.history[-1]['iou']['coin@0.5']:.3f} at threshold 0.5"
    recall = record.history[-1]["recall"]
    if not recall:
        return "No unseen classes to judge with"
    shown = [f"{values['1']:.3f} on {_queries_name(name)}" for name, values in recall.items()]
    return f"recall@1 {', '.join(shown)}"


def _state(record: Record) -> str:
    if record.finished:
        return f"All {record.epochs} epochs done"
    return f"{len(record.history)} of {record.epochs} epochs done: under way, or stopped"


def _facts(record: Record) -> tuple[tuple[str, str], ...]:
    history, sessions = record.history, record.sessions
    training = sum(row["seconds"] for row in history)
    total = training + sum(row["judge_seconds"] for row in history)
    examples = sum(row["seconds"] * row["examples_per_s"] for row in history)
    loaded = sum(count["coins"] for count in record.coins.values())
    began = datetime.fromisoformat(sessions[0].began)
    return (
        ("Weights at the start", record.origin.weights),
        ("Seed", str(record.origin.seed)),
        ("Coins", f"{loaded:,} in {sum(count['classes'] for count in record.coins.values()):,} classes"),
        ("Begun", f"{began:%Y-%m-%d %H:%M} UTC" + (f", in {len(sessions)} sessions" if len(sessions) > 1 else "")),
        ("Took", f"{clock_time(total)}, of which {clock_time(total - training)} to judge"),
        ("Throughput", f"{examples / training:.1f} examples/s" if training else "not measured"),
    )


def _table(record: Record) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """The table of figures, beside the article's: its columns, and its rows."""
    if record.origin.net == "segmenter":
        iou = record.history[-1]["iou"]
        scenes = f"{len(record.judgement.ious)} composed scenes of held-out coins and surfaces"
        ours = Row("this net", scenes, (iou["coin@0.3"], iou["coin@0.5"]), True)
        theirs = (Row(f"the article, {how}", "its own photos", values, False) for how, values in ARTICLE_IOU.items())
        return ("IoU at 0.3", "IoU at 0.5"), (ours, *theirs)
    rows = [
        Row(
            _queries_name(each.name),
            f"{each.queries:,} queries, {each.references:,} references of {each.classes:,} unseen classes",
            tuple(each.recall[str(k)] for k in RECALL_AT),
            True,
        )
        for each in record.judgement.retrievals
    ]
    article = Row("the article", "its own unseen classes, float nets", tuple(ARTICLE_RECALL.values()), False)
    return tuple(f"@{k}" for k in RECALL_AT), (*rows, article)


def _charts(record: Record) -> tuple[Chart, ...]:
    history, epochs = record.history, record.epochs
    losses = tuple(
        (row["epoch"] - 1 + (i + 0.5) / len(row["losses"]), loss)
        for row in history
        for i, loss in enumerate(row["losses"])
    )
    loss = (Series("training", losses, dots=False), Series("validation", _over(history, "validation_loss")))
    charts = [Chart("Loss", "", loss, line_chart(loss, title="Loss", epochs=epochs))]
    if record.origin.net == "segmenter":
        iou = tuple(Series(name, _over(history, "iou", name)) for name in history[-1]["iou"])
        charts.append(Chart("IoU", "", iou, line_chart(iou, title="IoU", epochs=epochs, high=1.0)))
        return tuple(charts)
    for name in history[-1]["recall"]:
        recall = tuple(Series(f"@{k}", _over(history, "recall", name, str(k))) for k in RECALL_AT)
        title = f"Recall on {_queries_name(name)}"
        charts.append(Chart(title, "", recall, line_chart(recall, title=title, epochs=epochs, high=1.0)))
    cosine = tuple(
        Series(f"{_queries_name(name)}, {which}", _over(history, "cosine", name, which))
        for name in history[-1]["cosine"]
        for which in ("right", "wrong")
    )
    if cosine:
        note = "of a query to the nearest reference of its own class (right) and of any other (wrong), mean"
        charts.append(Chart("Cosine", note, cosine, line_chart(cosine, title="Cosine", epochs=epochs)))
    return tuple(charts)


def _over(history: Sequence[Mapping[str, Any]], *path: str) -> tuple[tuple[float, float], ...]:
    """A figure of each epoch that has it, over the epochs."""
    points = []
    for row in history:
        value: Any = row
        for key in path:
            value = value.get(key, {})
        if isinstance(value, int | float):
            points.append((float(row["epoch"]), float(value)))
    return tuple(points)


def _map(retrieval: RetrievalJudgement) -> Markup:
    return map_chart(retrieval.map, title=f"Embeddings of {retrieval.name}")


def _iou_chart(record: Record) -> Markup | None:
    ious = record.judgement.ious
    return histogram(ious, title="IoU of the validation scenes") if ious else None


def _epochs(record: Record) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A table of all epochs: its columns, and its rows."""
    last = record.history[-1]
    figures: dict[str, tuple[str, ...]] = {
        f"recall@1, {_queries_name(name)}": ("recall", name, "1") for name in last.get("recall", {})
    }
    figures |= {f"IoU, {name}": ("iou", name) for name in last.get("iou", {})}
    rows = []
    for row in record.history:
        found = [_over([row], *path) for path in figures.values()]
        rows.append(
            (
                str(row["epoch"]),
                f"{row['loss']:.3f}",
                f"{row['validation_loss']:.3f}",
                *(f"{each[0][1]:.3f}" if each else "" for each in found),
                f"{row['examples_per_s']:.1f}",
                clock_time(row["seconds"] + row["judge_seconds"]),
            )
        )
    return ("epoch", "loss", "validation loss", *figures, "examples/s", "took"), rows


def _lines(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value if isinstance(value, str) else _words(value)) for name, value in values.items())


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_words(each) for each in value)
    return value if isinstance(value, str) else json.dumps(value)


def _queries_name(retrieval: str) -> str:
    """`val_catalog/val_query` is known by its queries."""
    return retrieval.rpartition("/")[2]


def _resource(name: str) -> str:
    return (files("training") / name).read_text("utf-8")
