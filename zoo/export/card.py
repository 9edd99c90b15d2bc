"""The card of a published run: what stands in its repository's README.md.

The front matter is YAML that hubs read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evaluation.board.baseline import run_has_learned
from ..evaluation.board.metrics import written
from ..evaluation.records import Record
from ..evaluation.records.schema import MetricFigure

TASK = "keypoint-detection"
"""The hub's name for what the model does."""

WEAK = 1.5
"""A condition counts as a weakness where its error is more than this many times the plain one."""

TAGS = ("facial-landmarks", "face-alignment", "keypoint-detection", "landmark-zoo")


def model_card(
    record: Record,
    address: str,
    *,
    license: str = "",
    onnx: bool = False,
    measured: Mapping[str, Any] | None = None,
) -> str:
    """Markdown with front matter. ``license``: an identifier of the hub, such as ``mit``; without
    one the card names what is known and claims nothing. ``onnx``: model.onnx lies beside it.
    ``measured``: what :func:`zoo.export.measured.measured` gives."""
    body = _body(record, address, onnx, measured or {})
    return f"---\n{_front_matter(record, license)}\n---\n\n{body}"


def plain_card(
    record: Record, address: str, *, title: str = "", measured: Mapping[str, Any] | None = None
) -> str:
    """The same without front matter, for readers outside a hub. ``title``: the run's name."""
    return _body(record, address, False, measured or {}, title)


def _front_matter(record: Record, license: str) -> str:
    from huggingface_hub import EvalResult, ModelCardData  # slow to import

    terms: dict[str, Any] = {"license": license}
    if not license:
        terms = {"license": "other", "license_name": "terms-in-this-card"}
        terms["license_link"] = "README.md"
    dataset = _line(record.data.dataset)
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=dataset,
            dataset_name=f"{dataset} ({_line(record.data.protocol)})",
            dataset_split=_line(split),
            metric_type="nme",
            metric_name="NME, inter-ocular (%)",
            metric_value=round(100 * result.nme_ioc, 2),
        )
        for split, result in record.results.items()
        if result.nme_ioc
    ]
    return ModelCardData(
        library_name="landmark-zoo",
        pipeline_tag=TASK,
        tags=list(TAGS),
        metrics=["nme"],
        model_name=_line(record.run),
        eval_results=results or None,
        **terms,
    ).to_yaml()


def _body(
    record: Record, address: str, onnx: bool, measured: Mapping[str, Any], title: str = ""
) -> str:
    data, model = record.data, record.model
    rows = "".join(_row(split, result) for split, result in record.raw["results"].items())
    partial = ", less than the whole release" if data.partial else ""
    onnx_use = (
        "\n`model.onnx` does the same without PyTorch: `zoo predict model.onnx photo.jpg`.\n"
        if onnx
        else ""
    )
    return f"""# {_line(title or record.run)}

Facial landmarks ({_line(data.scheme or "see config.toml")}) by \
`{_line(record.plugin.id)}` with the head `{_line(model.head or "linear")}`, \
trained with landmark-zoo (`pip install landmark-zoo`){_training(record)}.

## Use

```python
import zoo

model = zoo.load("{address}")
faces = model.predict(image)  # uint8 (H, W, 3) RGB
print(faces[0].points)        # (K, 2), x and y in pixels
```

On the command line: `zoo predict {address} photo.jpg`.
{onnx_use}
## Results

| split | NME inter-ocular | 95% interval | faces worse than 8% | frames | baseline |
| --- | --- | --- | --- | --- | --- |
{rows}
Frames of `{_line(data.dataset)}`, release {_line(data.release)}, split by the protocol \
{_line(data.protocol)}, fingerprint {_line(data.fingerprint)[:12]}{partial}. \
The epoch was chosen on val. The baseline is what the mean face scores on the same frames. \
`record.json` holds all figures.
{_unlearned(record)}{_hidden(record)}{_subsets(record)}{_further(record)}{_shown(measured.get("shown"))}{_tolerance(measured.get("box_tolerance"))}\
{_confidence(record)}{_elsewhere(measured.get("elsewhere"))}
## Terms

{_terms(record)}
"""


def _unlearned(record: Record) -> str:
    """The splits on which the model is no better than the mean face."""
    splits = [split for split, result in record.results.items() if run_has_learned(result) is False]
    if not splits:
        return ""
    return f"\n**This model has not learned: on {' and '.join(splits)} it is no better than the \
baseline.**\n"


def _hidden(record: Record) -> str:
    """Errors over seen and over hidden points, and how well hidden ones are told from seen."""
    rows = "".join(
        _cells(
            split,
            _percent(r.nme_seen),
            _percent(r.nme_hidden),
            _percent(r.hidden_ap),
            _percent(r.hidden_f1),
        )
        for split, r in record.results.items()
        if r.nme_hidden is not None
    )
    if not rows:
        return ""
    return f"""
Points that something hides are labelled too; the error above is of all points. Average \
precision and F1 at a recall of .8 say how well hidden points are told from seen ones, where the \
model tells them:

| split | NME over seen points | over hidden points | average precision | F1 |
| --- | --- | --- | --- | --- |
{rows}"""


def _subsets(record: Record) -> str:
    """The frames that share an attribute."""
    rows = "".join(
        _cells(split, name, _percent(r.nme_ioc or r.nme_box), _percent(r.fr_10), r.n)
        for split, results in record.results.items()
        for name, r in results.subsets.items()
    )
    if not rows:
        return ""
    return f"""
| split | frames that are | NME | faces worse than 10% | frames |
| --- | --- | --- | --- | --- |
{rows}"""


def _cells(*values: object) -> str:
    """A row of a table."""
    return f"| {' | '.join(map(_line, values))} |\n"


def _further(record: Record) -> str:
    """The figures of plugins' metrics, whether these are installed or not."""
    rows = "".join(
        _figure_row(split, key, figure)
        for split, results in record.results.items()
        for key, figure in results.metrics.items()
    )
    if not rows:
        return ""
    return f"""
Metrics of plugins, over the faces that each can measure:

| metric | split | value | 95% interval | better | frames | baseline |
| --- | --- | --- | --- | --- | --- | --- |
{rows}"""


def _figure_row(split: str, key: str, figure: MetricFigure) -> str:
    value, low, high, baseline = (
        "" if value is None else written(value, figure.unit)
        for value in (figure.value, figure.low, figure.high, figure.baseline)
    )
    cells = [
        f"{figure.title} ({key}{f' {figure.version}' if figure.version else ''})",
        split,
        value,
        f"{low} to {high}" if low and high else "",
        "lower" if figure.lower_is_better else "higher",
        figure.n,
        baseline,
    ]
    return _cells(*cells)


def _training(record: Record) -> str:
    """How much the model was trained on, and for how long."""
    frames = record.data.frames.get("train")
    people = record.data.people.get("train")
    if not frames:
        return ""
    of_people = f" of {people} people" if people else ""
    recipe = _line(record.config.recipe or "")
    return (
        f" on {frames} frames{of_people} of `{_line(record.data.dataset)}`, "
        f"{record.epochs} epochs{f' of the recipe {recipe}' if recipe else ''}"
    )


def _row(split: str, result: Mapping[str, Any]) -> str:
    low, high = _number(result, "nme_ioc_low"), _number(result, "nme_ioc_high")
    baseline = result.get("floor")  # its name in records
    cells = [
        split,
        _percent(_number(result, "nme_ioc")),
        f"{_percent(low)} to {_percent(high)}" if low and high else "",
        _percent(_number(result, "fr_08")),
        str(result.get("n", "")),
        _percent(_number(baseline, "nme_ioc")) if isinstance(baseline, Mapping) else "",
    ]
    return _cells(*cells)


def _shown(found: object) -> str:
    """What the model is good and bad at."""
    rows = found.get("conditions") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(rows, Mapping) or not rows:
        return ""
    errors = {
        _line(name): _number(row, "nme") for name, row in rows.items() if isinstance(row, Mapping)
    }
    plain, *_ = errors.values()
    kept = {_line(name): _number(row, "kept") for name, row in rows.items()}
    lines = "".join(
        f"| {name} | {_percent(error)} | {_percent(kept[name])} |\n"
        for name, error in errors.items()
    )
    bad = [name for name, error in errors.items() if plain and error and error > WEAK * plain]
    weak = (
        f"It is weak where its error is more than {WEAK} times that of the first row: "
        f"{', '.join(bad)}."
        if bad
        else f"In no row is its error more than {WEAK} times that of the first."
    )
    return f"""
## What it is good and bad at

| the face | NME inter-ocular | kept |
| --- | --- | --- |
{lines}
{weak} On {found.get("frames")} frames of {_line(found.get("split"))}, changed in one way at a \
time and shown by a box about the labelled points. `zoo predict` leaves out faces of which the \
model is too unsure; the last column is the share that it keeps, and the errors are of all.
"""


def _confidence(record: Record) -> str:
    """What the number beside a face means."""
    curve = record.calibration
    if curve is None:
        return ""
    off = f", and was off by {_percent(curve.error)} on average" if curve.error is not None else ""
    return f"""
## What its confidence means

The confidence of a face is the probability that its points are right: that their NME is below \
{curve.right:.0%}. It was fitted to {curve.faces} boxes of faces and {curve.others} boxes beside \
faces of val{off} on people whom it was not fitted to.
"""


def _tolerance(found: object) -> str:
    """What happens when a detector's box is not where the labels say."""
    if not isinstance(found, Mapping):
        return ""
    places = {
        "about the labelled points": "still",
        "10% smaller": "smaller",
        "10% larger": "larger",
        "shifted by 10%, mean of eight shifts": "shifted",
        "shifted by 10%, worst shift": "worst_shift",
    }
    rows = "".join(
        f"| {place} | {_percent(_number(found, key))} |\n" for place, key in places.items()
    )
    return f"""
## When the box is off

| box | NME inter-ocular |
| --- | --- |
{rows}
On {found.get("frames")} frames of {_line(found.get("split"))}: each face is shown as a detector's \
box of it would be, not as the region that the results above are from.
"""


def _elsewhere(found: object) -> str:
    if not isinstance(found, list) or not found:
        return ""
    rows = "".join(
        _row(_line(f"{each.get('dataset')}, {each.get('release')}"), each)
        for each in found
        if isinstance(each, Mapping)
    )
    return f"""
## On other data

| data set | NME inter-ocular | 95% interval | faces worse than 8% | frames | |
| --- | --- | --- | --- | --- | --- |
{rows}
Nothing of it was trained on; faces were shown by the boxes of their labels. Data sets differ in \
where exactly they put a point, which is part of these errors.
"""


def _terms(record: Record) -> str:
    model, data = record.model, record.data
    source = f" ({_line(model.weights_source)})" if model.weights_source else ""
    known = {
        "code of the network": model.license,
        f"weights that training started from{source}": model.weights_license,
        "frames that it was trained on": data.license,
    }
    lines = [f"- {what}: {_line(text)}" for what, text in known.items() if text]
    notice = (
        "\nFrames of faces were collected for research: so is the model meant. Faces are personal: "
        "mind the terms of the frames, and the law."
    )
    return "\n".join([*lines, notice])


def _number(values: Mapping[str, Any], key: str) -> float | None:
    value = values.get(key)
    return float(value) if isinstance(value, int | float) else None


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}%"


def _line(text: object) -> str:
    """The text on one line, without what Markdown or HTML would act on."""
    plain = "".join(c if c.isprintable() else " " for c in str(text))
    return plain.translate({ord(c): None for c in "<>|`[]"})
