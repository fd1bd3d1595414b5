"""`coindex validate`: compare the device's answers with exact search."""

import contextlib
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from catalog_server.cli.options import JsonOption, StoreOption, print_json
from catalog_server.engines import ComparedEngine, DeviceEngine, Engine, open_engine, opened_device
from catalog_server.publishing.self_sync import open_as_device
from catalog_server.store import open_store
from catalog_server.validation.measure import Validation, require_bounds
from catalog_server.validation.measure import validate as measure_engines
from catalog_server.validation.report import DOCUMENT_NAME, PAGE_NAME, drawn_around_rows, report_of, write_report
from coindex.catalog import LocalCatalog, open_catalog
from coindex.catalog.graph_quality import sample_queries
from coindex.commands.progress import progress_bar
from coindex.errors import PhotoError
from coindex.manifest import read_manifest
from coindex.photo import load_photo
from coindex.pipeline import encode_photo

__all__ = ["validate"]

MilvusOption = Annotated[
    str | None,
    typer.Option(
        "--milvus-uri",
        help="A Milvus server, such as http://127.0.0.1:19530, or a Milvus Lite file.",
        envvar="COINDEX_MILVUS_URI",
        show_default="a temporary Milvus Lite file",
    ),
]


def validate(
    store: StoreOption = None,
    home: Annotated[
        Path | None, typer.Option(help="The folder of a synced device, instead of the store's served release.")
    ] = None,
    queries: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Queries drawn around the catalogue's rows.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the drawn queries.")] = 0,
    manifest: Annotated[
        Path | None, typer.Option(help="A manifest.csv, whose photos are the queries instead of drawn ones.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only photos of this split; can be repeated.")] = None,
    engine: Annotated[
        list[ComparedEngine] | None,
        typer.Option(help="The engines to compare with; can be repeated.", show_default="all"),
    ] = None,
    milvus_uri: MilvusOption = None,
    report: Annotated[
        Path | None, typer.Option(help=f"A folder for {DOCUMENT_NAME} and {PAGE_NAME}, a page with plots.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the device's answers with exact search."""
    if split and manifest is None:
        raise typer.BadParameter("--split needs --manifest")
    with tempfile.TemporaryDirectory(prefix="coindex-validate-") as folder, contextlib.ExitStack() as stack:
        opened, device = opened_device(
            lambda: open_catalog(home) if home else open_as_device(open_store(store), Path(folder))
        )
        engines: list[Engine] = [device]
        for name in engine or list(ComparedEngine):
            engines.append(open_engine(name, milvus_uri=milvus_uri))
            stack.callback(engines[-1].close)
        rows = opened.index.rows
        if manifest is None:
            source = drawn_around_rows(seed)
            codes, names = sample_queries(rows, queries, seed), tuple[str, ...]()
        else:
            source = f"photos of {manifest.name}"
            codes, names = _photo_queries(opened, manifest, split)
        with progress_bar("Asking the engines") as progress:
            result = measure_engines(rows, codes, engines, fitted=(DeviceEngine.name,), progress=progress)
    made = report_of(result, opened.manifest, source=source, names=names)
    if report is not None:
        _, page = write_report(report, made)
        typer.echo(f"wrote {page}", err=True)
    if as_json:
        print_json(made.as_json())
    else:
        _print_validation(result)
    require_bounds(result)


def _photo_queries(
    opened: LocalCatalog, manifest: Path, splits: list[str] | None
) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """The codes of a manifest's photos, made by the catalogue's nets, and their names. Photos without a coin are
    reported and left out."""
    photos, nets = read_manifest(manifest, splits=splits), opened.models()
    codes, names = [], []
    with progress_bar("Encoding photos") as progress:
        for done, photo in enumerate(photos):
            progress(done, len(photos))
            name = str(photo.path.relative_to(manifest.parent))
            try:
                coins = encode_photo(load_photo(photo.path), nets, largest_only=True).coins
            except PhotoError as error:
                typer.echo(f"left out: line {photo.line}, {error}", err=True)
                continue
            if not coins:
                typer.echo(f"left out: line {photo.line}, {name}: no coin found", err=True)
                continue
            codes.append(coins[0].code)
            names.append(name)
    if not codes:
        raise PhotoError(f"{manifest}: no photo can be a query; see above why they were left out")
    return np.stack(codes), tuple(names)


def _print_validation(result: Validation) -> None:
    table = Table("engine", "on", "equal", "missed", "recall@10", "p50 µs", "p99 µs", "batch µs")
    for column in table.columns:
        column.no_wrap = True
    for each in result.engines:
        table.add_row(
            each.name,
            each.description["device"],
            f"{each.equal_top1:.3%}",
            str(len(each.misses)),
            f"{each.recall[10]:.4f}",
            f"{each.query_p50_us:.0f}",
            f"{each.query_p99_us:.0f}",
            f"{each.batch_us:.0f}",
        )
    console = Console()
    console.print(f"{result.queries} queries, {result.rows} rows of {result.classes} classes", highlight=False)
    console.print(table)
    for each in result.engines:
        for miss in each.misses:
            console.print(
                f"{each.name} misses query {miss.query}: it found row {miss.row_id} at {miss.distance}, but row "
                f"{miss.exact_row_id} is at {miss.exact_distance}",
                highlight=False,
            )
