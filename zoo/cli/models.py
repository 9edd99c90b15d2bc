"""`zoo models` and `zoo fetch`: models that are ready to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.api import DataError
from zoo.cli import completion, output
from zoo.cli.completion import offer
from zoo.cli.options import Json, Mirror
from zoo.files.folders import files_below

if TYPE_CHECKING:
    from zoo.runs.catalogue import Model


def models(
    runs: Annotated[
        Path, typer.Option(help="Folder of your own runs.", autocompletion=offer(completion.runs))
    ] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List the models that can predict: bundled, fetched, to be fetched, and your own runs.

    ZOO_CATALOGUE names a second catalogue, of your own published models.
    """
    from zoo.runs.catalogue import catalogue

    rows = [_published(each) for each in catalogue().values() if each.kind == "landmarks"]
    rows += [_local(best.parent) for best in files_below(runs, "best.safetensors")]
    if as_json:
        output.print_json(rows)
        return
    if not rows:
        output.say(
            f"no model: none comes with this copy of the zoo, and {runs} holds no run; "
            "train one: zoo train timm:mobilenetv3_small_100 --dataset synthetic"
        )
        return
    columns = ("model", "where", "points", "size", "val NME", "summary")
    output.table(
        f"{len(rows)} model{'' if len(rows) == 1 else 's'}",
        columns,
        [[_cell(row, column) for column in columns] for row in rows],
        right=("size", "val NME"),
    )


def fetch(
    model: Annotated[
        str,
        typer.Argument(help="Name of a model that `zoo models` lists, or yunet: it finds faces."),
    ],
    source: Mirror = None,
) -> None:
    """Download a model of the catalogue and verify it; files that are already here are kept.

    It goes into ZOO_HOME/models. Afterwards its name serves wherever a run does:
    zoo predict MODEL photo.jpg. The face detector yunet serves every `zoo predict`.
    """
    from zoo.runs.catalogue import bring, find

    entry = find(model)
    folder = bring(entry, source)
    print(f"{model} is complete in {folder}")
    name = f"{model} " if entry.kind == "landmarks" else ""
    print(f"Use it: zoo predict {name}photo.jpg")


def _published(model: Model) -> dict[str, Any]:
    folder = model.folder()
    if folder is None:
        where = f"zoo fetch {model.name}" if model.address else "damaged"
    else:
        where = "bundled" if model.bundled else "fetched"
    return {
        "model": model.name,
        "where": where,
        "folder": None if folder is None else str(folder),
        "points": model.record.get("scheme"),
        "bytes": model.bytes,
        "nme_ioc": model.record.get("nme_ioc"),
        "summary": model.summary,
        "default": model.default,
    }


def _local(run: Path) -> dict[str, Any]:
    from zoo.evaluation.records import load_record

    row: dict[str, Any] = {
        "model": str(run),
        "where": "your run",
        "folder": str(run),
        "points": None,
        "bytes": (run / "best.safetensors").stat().st_size,
        "nme_ioc": None,
        "summary": "not finished",
        "default": False,
    }
    if not (run / "record.json").is_file():
        return row
    try:
        record = load_record(run / "record.json")
    except DataError as error:
        return row | {"summary": str(error)}
    val = record.results.get("val")
    return row | {
        "points": record.data.scheme,
        "nme_ioc": val.nme_ioc if val else None,
        "summary": f"{record.plugin.id} on {record.data.dataset}",
    }


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "size":
        return f"{row['bytes'] / 1e6:.1f} MB"
    if column == "val NME":
        return "" if row["nme_ioc"] is None else f"{100 * row['nme_ioc']:.2f}%"
    if column == "where" and row["default"]:
        return f"{row['where']}, default"
    return str(row[column] or "")
