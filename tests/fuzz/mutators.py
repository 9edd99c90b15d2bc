"""Mutators, which damage the content of a file. Each takes a random generator and valid content,
and returns content as an accident, an editor or an attacker could leave it.

A *form* is a list of mutators for a kind of file: bytes can be flipped or cut in any file, text has
numbers and words, trees (JSON, TOML) have fields, and archives have arrays.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import struct
import tomllib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import tomli_w

Mutator = Callable[[random.Random, bytes], bytes]

NUMBERS = (
    *(0, -1, 1, 2, 7, 255, 2**31, 2**63, -(2**63), 2**64, 10**30, 10**400),
    *(0.0, -0.5, 0.5, 1e-320, 1e300, -1e300, float("nan"), float("inf"), -float("inf")),
)
TEXTS = (
    *("", " ", "nan", "null", "None", "-", "..", "../../../outside", "/etc/passwd", "~nobody/x"),
    *("\x00", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\u202eabc", "\ud800", "\ufeff", "a\nb\rc"),
    *("http://127.0.0.1:9/a.mp4", "concat:a|b", "%s%n", "{0}", "<script>", "[bold]", "é" * 3),
    *("x" * 100_000, "9" * 5000, "1e999", "0x10", "1_000", "\uff11", "'\"\\"),
)
NAMES = (
    *("a b", "-x", "--help", "[bold]", "a*b?", "%04d", "..", "a..b", ".hidden", "x" * 240, "é"),
    *("http:127.0.0.1:9?a", "concat:a|b", "file:a", "12:30:45", "$HOME", "a;b", "'\"", "@list"),
    *("a\nb", "\x1b[31mred", "\u202eabc", os.fsdecode(b"\xff\xfe"), "\t", "~"),
)
DEEP = 100_000
"""A number of nested brackets that exceeds the stack of any parser."""


# Any file


def flipped(rng: random.Random, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(rng.choice((1, 1, 4, 64))):
        if spoilt:
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def dropped(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.choice((1, 8, 512)) :]


def repeated(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    block = content[start : start + rng.choice((1, 8, 512))]
    return content[:start] + block * rng.choice((2, 100)) + content[start:]


def overwritten(rng: random.Random, content: bytes) -> bytes:
    block = rng.choice((b"\x00" * 16, b"\xff" * 16, rng.randbytes(16), b"\x80", b"\n"))
    start = rng.randrange(len(content) + 1)
    return content[:start] + block + content[start + len(block) :]


def emptied(rng: random.Random, content: bytes) -> bytes:
    return b""


def noise(rng: random.Random, content: bytes) -> bytes:
    return rng.randbytes(rng.choice((1, 100, 5000)))


def zeros(rng: random.Random, content: bytes) -> bytes:
    return bytes(rng.choice((1, 100, 5000)))


RUIN: Sequence[Mutator] = (emptied, noise, zeros)
"""Nothing useful is left after these, so a command must not end with exit status 0."""

BYTES: Sequence[Mutator] = (flipped, cut, dropped, repeated, overwritten)


# Text

_NUMBER = re.compile(rb"-?\d+(\.\d+)?")
_WORD = re.compile(rb"[A-Za-z_]\w*")


def _swapped(rng: random.Random, content: bytes, pattern: re.Pattern[bytes], new: str) -> bytes:
    matches = list(pattern.finditer(content))
    if not matches:
        return content
    match = rng.choice(matches)
    return content[: match.start()] + new.encode("utf-8", "surrogatepass") + content[match.end() :]


def other_number(rng: random.Random, content: bytes) -> bytes:
    return _swapped(rng, content, _NUMBER, str(rng.choice(NUMBERS)))


def other_word(rng: random.Random, content: bytes) -> bytes:
    return _swapped(rng, content, _WORD, rng.choice(TEXTS))


def number_as_text(rng: random.Random, content: bytes) -> bytes:
    return _swapped(rng, content, _NUMBER, rng.choice(TEXTS))


def nested(rng: random.Random, content: bytes) -> bytes:
    opening = rng.choice(("[", "{", '{"a":', "(", '"'))
    return _swapped(rng, content, rng.choice((_NUMBER, _WORD)), opening * DEEP)


def other_lines(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    changes: Sequence[list[bytes]] = (
        lines[:at] + lines[at + 1 :],
        lines[: at + 1] + lines[at:],
        [*lines[:at], lines[other], *lines[at + 1 :]],
        [*lines[:at], lines[at].rstrip() + b",," + rng.randbytes(3) + b"\n", *lines[at + 1 :]],
        lines[:at],
        lines[:1],
    )
    return b"".join(rng.choice(changes))


TEXT: Sequence[Mutator] = (other_number, other_word, number_as_text, nested, other_lines)


# Trees: JSON, TOML, and files that contain JSON


def spoil_tree(rng: random.Random, tree: Any, nothing: bool = True) -> Any:
    """The tree with one field changed, removed, renamed or nested. ``nothing``: whether the format
    has a value for None."""
    places = list(_places(tree, ()))
    if not places:
        return tree
    *path, key = rng.choice(places)
    parent = tree
    for step in path:
        parent = parent[step]
    value = parent[key]
    change = rng.randrange(5)
    if change == 0:
        del parent[key]
    elif change == 1 and isinstance(parent, dict):
        parent[rng.choice((*TEXTS, str(key).upper()))] = parent.pop(key)
    elif change == 2:
        parent[key] = rng.choice(([value], {"a": value}, [value] * 1000, str(value)))
    elif isinstance(value, int | float) and rng.random() < 0.6:
        parent[key] = rng.choice(NUMBERS)
    else:
        nones = (None,) if nothing else ()
        parent[key] = rng.choice((*NUMBERS, *TEXTS, True, False, [], {}, *nones))
    return tree


def _places(tree: Any, path: tuple[Any, ...]) -> Any:
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


def other_json(rng: random.Random, content: bytes) -> bytes:
    return json.dumps(spoil_tree(rng, json.loads(content))).encode()


def other_toml(rng: random.Random, content: bytes) -> bytes:
    tree = spoil_tree(rng, tomllib.loads(content.decode()), nothing=False)
    return tomli_w.dumps(tree).encode("utf-8", "surrogatepass")


JSON: Sequence[Mutator] = (*TEXT, *[other_json] * 8)
TOML: Sequence[Mutator] = (*TEXT, *[other_toml] * 6)


# Tensors: safetensors with the zoo's own JSON in its header


def unsigned(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the bytes of the tensors. The header is without the digest of the zoo, as a
    forger would leave it out."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    if metadata := header.get("__metadata__", {}).get("zoo"):
        fields = json.loads(metadata)
        fields.pop("sha256", None)
        header["__metadata__"]["zoo"] = json.dumps(fields)
    return header, content[8 + size :]


def packed(header: Any, numbers: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def other_header(rng: random.Random, content: bytes) -> bytes:
    header, numbers = unsigned(content)
    metadata = header.get("__metadata__", {}).get("zoo")
    if metadata is not None and rng.random() < 0.8:
        header["__metadata__"]["zoo"] = json.dumps(spoil_tree(rng, json.loads(metadata)))
    else:
        header = spoil_tree(rng, header)
    return packed(header, numbers)


def other_size(rng: random.Random, content: bytes) -> bytes:
    size = rng.choice((0, 1, 2**20, 2**31, 2**62, 2**64 - 1))
    return struct.pack("<Q", size) + content[8:]


def not_finite(rng: random.Random, content: bytes) -> bytes:
    header, numbers = unsigned(content)
    start = 4 * rng.randrange(max(len(numbers) // 4, 1))
    bad = struct.pack("<f", rng.choice((float("nan"), float("inf"), 1e38)))
    return packed(header, numbers[:start] + bad + numbers[start + 4 :])


TENSORS: Sequence[Mutator] = (*BYTES, *[other_header] * 8, other_size, not_finite)


# Archives of arrays


def other_array(rng: random.Random, content: bytes) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        arrays = {name: file[name] for name in file.files}
    name = rng.choice(list(arrays))
    array = arrays[name]
    changes: Sequence[Callable[[], Any]] = (
        lambda: arrays.pop(name),
        lambda: arrays.update({name: array[:0]} if array.ndim else {name: array.reshape(1)}),
        lambda: arrays.update({name: array.astype("O")}),
        lambda: arrays.update({name: np.array("text")}),
        lambda: arrays.update({name: array.T}),
        lambda: arrays.update({name: array[None]}),
        lambda: arrays.update({name: np.zeros(array.shape, array.dtype)}),
        lambda: arrays.update({name: np.zeros((3, 2), np.complex128)}),
        lambda: arrays.update({_key(rng.choice(TEXTS)): array}),
        lambda: arrays.update({name: _with(array, rng.choice(NUMBERS[12:]), rng)}),
    )
    rng.choice(changes)()
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=True, **arrays)
    return out.getvalue()


def _key(text: str) -> str:
    """A valid name for an array in an npz file."""
    return text.encode("utf-8", "ignore").decode().replace("\x00", "0")[:50] or "a"


def _with(array: Any, number: float, rng: random.Random) -> Any:
    """The array with one or all elements set to ``number``; texts are replaced by another text."""
    if array.dtype.kind == "U":
        return np.full(array.shape, rng.choice(TEXTS)[:1000])
    changed = array.astype(np.float64)
    if rng.random() < 0.5 or not changed.size:
        changed[...] = number
    else:
        changed.reshape(-1)[rng.randrange(changed.size)] = number
    with np.errstate(all="ignore"):
        return changed.astype(array.dtype)


ARRAYS: Sequence[Mutator] = (*BYTES, *[other_array] * 8)


# ONNX


def other_metadata(rng: random.Random, content: bytes) -> bytes:
    model = onnx.load_from_string(content)
    entry = rng.choice(model.metadata_props)
    if rng.random() < 0.3:
        entry.value = rng.choice((*TEXTS, *map(str, NUMBERS), "[" * DEEP))
    else:
        try:
            tree = [json.loads(entry.value)]
        except ValueError:
            tree = [entry.value]
        spoilt = spoil_tree(rng, tree)
        entry.value = json.dumps(spoilt[0] if spoilt else None)
    return bytes(model.SerializeToString())


def other_graph(rng: random.Random, content: bytes) -> bytes:
    model = onnx.load_from_string(content)
    graph = model.graph
    values = [*graph.input, *graph.output]
    change = rng.randrange(5)
    if change == 0:
        rng.choice(values).name = rng.choice(TEXTS).replace("\x00", "") or "a"
    elif change == 1:
        shape = rng.choice(values).type.tensor_type.shape
        rng.choice(shape.dim).dim_value = rng.choice((0, 1, 65, 10**6))
    elif change == 2:
        rng.choice(values).type.tensor_type.elem_type = rng.randrange(1, 12)
    elif change == 3:
        del graph.node[rng.randrange(len(graph.node))]
    else:
        weights = rng.choice(
            [w for w in graph.initializer if w.data_type == onnx.TensorProto.FLOAT]
        )
        array = np.full(tuple(weights.dims), rng.choice((np.nan, np.inf, 1e38)), np.float32)
        weights.raw_data = array.tobytes()
    return bytes(model.SerializeToString())


ONNX: Sequence[Mutator] = (*BYTES, *[other_metadata] * 6, *[other_graph] * 2)
