"""Every code block of the pages on plugins is run, and the pages show the example package."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from drawn_cofw import write_cofw
from environments import make_environment, wheel_of
from local_index import LocalIndex, serve
from page_blocks import Block, PageRun, blocks, first_difference, play_page

from zoo.registry.entries import GROUPS
from zoo.scaffold import PackageNames
from zoo.scaffold.writer import render

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "plugins").glob("*.md"))
RUN = [page for page in PAGES if "```" in page.read_text()]
SHORTER = {  # the page says that this training takes half a minute
    "--recipe strong --epochs 20\nzoo": "--recipe strong --epochs 1 --set dataset.people=20\nzoo",
    "450 frames": "150 frames",
    "80 frames": "30 frames",
}
EXAMPLE = ROOT / "docs" / "examples" / "landmark-zoo-tiny"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIndex]:
    """A package index with the packages that a build needs; a page uploads to it."""
    folder = tmp_path_factory.mktemp("index")
    wheel_of("setuptools", folder)
    with serve(folder) as index:
        yield index


def play(page: Path, folder: Path, index: LocalIndex) -> str:
    """Run all blocks of a page; the error of the first block that fails, or an empty text."""
    if page.stem == "cofw":
        write_cofw(folder / "here" / "COFW")
    try:
        play_page(page, folder, SHORTER, **index.variables)
    except AssertionError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, index: LocalIndex, tmp_path_factory: pytest.TempPathFactory
) -> dict[Path, Future[str]]:
    """The result of :func:`play` for each page to be tested; pages run in parallel."""
    chosen = [
        item.callspec.params["page"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_every_block_of_a_page_runs
    ]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return {p: pool.submit(play, p, tmp_path_factory.mktemp(p.stem), index) for p in chosen}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", RUN, ids=lambda p: p.stem)
def test_every_block_of_a_page_runs(
    page: Path, played: dict[Path, Future[str]], index: LocalIndex
) -> None:
    error = played[page].result()
    assert not error, error
    if page.stem == "publishing":
        forms = index.uploads
        assert sorted(forms) == [
            "landmark_zoo_tiny-0.1.0-py3-none-any.whl",
            "landmark_zoo_tiny-0.1.0.tar.gz",
        ]
        facts = {
            (form["name"], form["version"], form["license_expression"]) for form in forms.values()
        }
        assert facts == {("landmark-zoo-tiny", "0.1.0", "MIT")}


@pytest.mark.parametrize("page", RUN, ids=lambda p: p.stem)
def test_every_block_of_these_pages_is_run(page: Path) -> None:
    assert "recorded" not in {block.directive for block in blocks(page.read_text())}


@pytest.mark.parametrize("kind", list(GROUPS))
def test_a_page_shows_what_the_example_and_zoo_new_have(kind: str) -> None:
    """The module on a page is the one of the example and of `zoo new`, byte for byte."""
    name = f"tiny_{kind}"
    module = (EXAMPLE / "landmark_zoo_tiny" / f"{kind}.py").read_text()
    page = (ROOT / "docs" / "plugins" / f"{kind}.md").read_text()
    assert [b.text for b in blocks(page) if b.directive == "show"] == [module]
    written = render(PackageNames(name.replace("_", "-"), name, name, kind))
    assert written[f"{name}.py"] == module


@pytest.mark.slow
def test_the_example_package_passes_its_own_tests(tmp_path: Path) -> None:
    """Only the first check of each plugin: other tests run all checks of the same modules."""
    environment = make_environment(tmp_path / "environment", OMP_NUM_THREADS="1")
    package = tmp_path / EXAMPLE.name
    shutil.copytree(EXAMPLE, package)
    environment.install(package)
    listed = environment.run(["zoo", "list", "tiny_*"], tmp_path).stdout
    assert listed.startswith(
        "1 backbone, 2 datasets, 1 head, 1 loss, 1 detector, 1 augmentation, 1 metric, 1 tracker\n"
    )
    first = ["-k", "found_through_metadata"]
    done = environment.run(["pytest", "-q", "-p", "no:cacheprovider", *first], package)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^9 passed, \d+ deselected in", done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("```sh\nls\n```\n", "line 1: no comment says"),
        ("<!-- run -->\n\n```sh\nls\n```\n", "line 3: no comment says"),
        ("<!-- runs -->\n```sh\nls\n```\n", "line 2: no comment says"),
        ("<!-- run, if you like -->\n```sh\nls\n```\n", "line 2: no comment says"),
        ("words\n\n    ls\n", "line 3: code in here"),
        ("<!-- file -->\n```python\n1\n```\n", "names no file"),
        ("<!-- run: x.sh -->\n```sh\nls\n```\n", "names one for nothing"),
    ],
)
def test_a_block_without_a_valid_directive_is_an_error(page: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(blocks(page))


def test_blocks_are_parsed() -> None:
    page = (
        "words\n\n<!-- file: a/b.txt -->\n```text\none\n\ntwo\n```\n"
        "<!-- run, exit status 3 -->\n```sh\nfalse\n```\n"
    )
    assert list(blocks(page)) == [
        Block("file", "a/b.txt", 0, "one\n\ntwo\n", 4),
        Block("run", "", 3, "false\n", 10),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!-- run -->\n```sh\nfalse\n```\n", "exit status 1"),
        ("<!-- run -->\n```sh\nfalse\ntrue\n```\n", "exit status 1"),
        ("<!-- run, exit status 3 -->\n```sh\ntrue\n```\n", "exit status 0"),
        ("<!-- python -->\n```python\nraise SystemExit(2)\n```\n", "exit status 2"),
        ("<!-- run -->\n```sh\necho a\n```\n<!-- output -->\n```text\nb\n```\n", "shows: b"),
        ("<!-- output -->\n```text\nb\n```\n", "nothing was run"),
        (
            "<!-- file: x -->\n```text\n1\n```\n<!-- show: x -->\n```text\n2\n```\n",
            "x differs",
        ),
        ("<!-- part of: README.md -->\n```text\nno such words\n```\n", "no such part"),
        (
            "<!-- workflow: w.yml -->\n```yaml\njobs: {a: {steps: [{run: 'true'}, {run: 'false'}]}}"
            "\n```\n",
            "exit status 1",
        ),
    ],
)
def test_a_block_that_fails_is_reported(text: str, reason: str, tmp_path: Path) -> None:
    run = PageRun(tmp_path, make_environment(tmp_path / "environment"))
    *before, last = blocks(text)
    for block in before:
        run.play(block)
    with pytest.raises(AssertionError, match=reason):
        run.play(last)


def test_a_block_starts_in_the_folder_where_the_last_one_ended(tmp_path: Path) -> None:
    text = (
        "<!-- run -->\n```sh\nmkdir inner\ncd inner\n```\n"
        "<!-- file: here.txt -->\n```text\nhi\n```\n"
        "<!-- run, exit status 1 -->\n```sh\ncat here.txt\ncd ..\nfalse\n```\n"
        "<!-- output -->\n```text\nhi\n```\n"
    )
    run = PageRun(tmp_path, make_environment(tmp_path / "environment"))
    for block in blocks(text):
        run.play(block)
    assert (tmp_path / "inner" / "here.txt").read_text() == "hi\n"
    assert run.cwd == tmp_path


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\nb\nc\n", False),
        ("a\nb\n", "a\n", False),
        ("a\n...\n", "a\nb\nc\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\nd\n", "a\nb\nc\n", False),
        ("a\n...\nd\n", "a\nd\ne\n", False),
        ("loss 0.5 in 0:03", "loss 0.61 in 1:10", True),
        ("18/18", "17/18", False),
        ("train: 450 frames", "train: 449 frames", False),
        ("run-1a2b3c-s0: best epoch 3", "run-ffffff-s0: best epoch 12", True),
        ("run-1a2b3c-s0", "run-1a2b3c-s1", False),
        ("id  kind\nx  head", "id     kind\nx      head", True),
        ("a line that ...", "a line that goes on", True),
        ("a line that ...", "a line where", False),
    ],
)
def test_outputs_are_compared_without_what_changes_from_run_to_run(
    shown: str, printed: str, same: bool
) -> None:
    assert (first_difference(shown, printed) == "") == same


def test_the_index_refuses_an_upload_without_its_token(index: LocalIndex, tmp_path: Path) -> None:
    wheel = wheel_of("setuptools", tmp_path)
    variables = {**index.variables, "TWINE_PASSWORD": "another"}
    environment = make_environment(tmp_path / "environment", **variables)
    done = environment.run(["twine", "upload", wheel], tmp_path)
    assert done.returncode != 0
    assert "403" in done.stdout
