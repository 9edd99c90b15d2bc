"""Docstrings: every example in them runs, public things have one, and sentences have a subject."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from architecture import MODULES
from loopback_hub import the_only_hub
from PIL import Image

import zoo
import zoo.api
import zoo.testing
from zoo.registry import registry

WITH_EXAMPLES = [name for name, file in MODULES.items() if ">>> " in file.read_text("utf-8")]

PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (zoo, zoo.api, zoo.testing)
    for name in module.__all__
    if inspect.isfunction(getattr(module, name)) or inspect.isclass(getattr(module, name))
}
NEVER_RAISE = {"zoo.api.generic_scheme", "zoo.testing.run", "zoo.testing.summary"}
FUNCTIONS = [name for name, each in PUBLIC.items() if inspect.isfunction(each)]


def train(seed: int) -> Path:
    """A run on forty drawn faces, so small that it takes a second."""
    return zoo.train(
        "timm:test_resnet",
        dataset="synthetic",
        input_size=64,
        epochs=1,
        seed=seed,
        sets=["dataset.people=20", "dataset.videos=1", "dataset.frames=2"],
        out="first",
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folder that examples assume: runs/my-run, runs/other-run, photo.png, and a hub."""
    folder = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch, the_only_hub(folder, patch):
        patch.chdir(folder)
        (folder / "runs").mkdir()
        for seed, name in enumerate(("my-run", "other-run")):
            train(seed).rename(folder / "runs" / name)
        opened = registry("dataset").get("synthetic").open(None, people=1, videos=1, frames=1)
        Image.fromarray(next(iter(opened.samples())).image()).save("photo.png")
        yield


@pytest.mark.filterwarnings("ignore::zoo.api.ZooWarning")  # one epoch teaches no model
@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run_as_they_stand(name: str) -> None:
    module = importlib.import_module(name)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=options)
    output: list[str] = []
    for test in doctest.DocTestFinder().find(module):
        test.globs = {}  # a reader starts with nothing imported
        runner.run(test, out=output.append)
    assert runner.tries > 0
    assert not output, "".join(output)


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_has_an_example(name: str) -> None:
    assert "Example:\n" in documentation(name)
    assert ">>> " in documentation(name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_gives_and_raises(name: str) -> None:
    text, signature = documentation(name), inspect.signature(PUBLIC[name])
    for parameter in signature.parameters:
        assert f"{parameter}: " in text, f"Args of {name} lack {parameter}"
    assert "Returns:\n" in text
    assert "Raises:\n" in text or name in NEVER_RAISE


def test_every_docstring_has_a_subject() -> None:
    """A docstring that begins with "Of" has its subject only in the name of a field."""
    lacking = [
        f"{name}, line {line}: {text[:60]}"
        for name in MODULES
        for line, text in docstrings(name)
        if re.match(r"(Of|Told|Said|With what|What of)\b", text)
    ]
    assert lacking == []


def docstrings(module: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string that is a statement, also of those below fields."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text.strip()


def documentation(name: str) -> str:
    return inspect.getdoc(PUBLIC[name]) or ""
