"""`zoo push`: publish a run on a hub, where `zoo predict hf://user/name` finds it."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo.cli.options import Files, Json, Run
from zoo.cli.output import print_json, say


def push(
    run: Run,
    address: Annotated[str, typer.Argument(help="Repository on the hub: hf://user/name.")],
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.")
    ] = False,
    revision: Annotated[
        str,
        typer.Option(
            metavar="BRANCH", help="Branch to push to. Default: main.", show_default=False
        ),
    ] = "",
    license: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Licence of the model by its name on the hub, such as mit."
        ),
    ] = "",
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Export model.onnx anew and publish it too.")
    ] = False,
    files: Files = None,
    as_json: Json = False,
) -> None:
    """Publish a finished run: weights as safetensors, configuration, record and card.

    The repository is made where it does not exist. The token comes from HF_TOKEN or from
    `hf auth login`; HF_ENDPOINT names another hub. Predictions, and with them the names of the
    data's people and frames, stay in the run's folder.
    """
    from dataclasses import asdict

    from zoo.export.push import push as publish

    done = publish(run, address, private=private, revision=revision, license=license, onnx=onnx)
    if as_json:
        print_json(asdict(done))
        return
    say(f"published {', '.join(done.files)}")
    say(f"at {done.url}")
    say(f"Use it: zoo predict {done.address} photo.jpg")
    say(f"This very commit: {done.pinned}")
