"""Labels that cannot be right, and labels against which no error can be measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.evaluation.audit.doubts import sizeless, stand_ins, why_sizeless
from zoo.evaluation.scores.metrics import SHORTEST, Bools, floored, normalisers
from zoo.geometry import label_scale

from .findings import EXAMPLES, Finding, counted
from .pictures import Pictures
from .subject import FrameNames, Labelled


def out_of_frame(data: Labelled, pictures: Pictures, names: FrameNames) -> tuple[Finding, ...]:
    """Visible points beyond the picture's edges; a warning where a face lies mostly outside.

    A picture of width w covers [-0.5, w - 0.5].
    """
    points = np.asarray(data.points, np.float64)
    last = pictures.sizes[:, None, ::-1] - 0.5
    beyond = np.maximum(-0.5 - points, points - last).max(-1)
    outside = (beyond > 0) & data.visible & pictures.readable[:, None]
    faces = outside.any(1)
    if not faces.any():
        return ()
    mostly = outside.sum(1) > data.visible.sum(1) / 2
    farthest = np.where(outside, beyond, 0.0).max(1)
    meaning = (
        f"; {counted(int(mostly.sum()), 'face')} for the most part, as if the labels belonged to "
        "another picture"
        if mostly.any()
        else ", as where a picture cuts a face off; no model can see those places"
    )
    order = np.argsort(-farthest * faces, kind="stable")
    return (
        Finding(
            id="points_out_of_frame",
            kind="label",
            severity="warning" if mostly.any() else "note",
            count=int(faces.sum()),
            unit="faces",
            sentence=f"{counted(int(outside.sum()), 'point')} of "
            f"{counted(int(faces.sum()), 'face')} beyond the picture's edge, by up to "
            f"{farthest.max():.1f} px{meaning}",
            examples=tuple(
                f"{names.frame(row)}: {counted(int(outside[row].sum()), 'point')}, "
                f"up to {farthest[row]:.1f} px"
                for row in order[: min(EXAMPLES, int(faces.sum()))].tolist()
            ),
            figures={
                "points": int(outside.sum()),
                "mostly_outside": int(mostly.sum()),
                "farthest_px": float(farthest.max()),
            },
        ),
    )


MANY = 0.1
"""If a larger share of the faces is affected, the finding is an error and not only a warning: then
the whole data set was written like this."""


def labels_that_are_none(data: Labelled, names: FrameNames) -> tuple[Finding, ...]:
    """Faces without a size (rows of zeros, coordinates that are not pixels), and single points at
    places that mean "no label"."""
    count = len(data.ids)
    rows = np.flatnonzero(sizeless(data.points, data.visible)).tolist()
    findings = []
    if rows:
        findings.append(
            Finding(
                id="no_face",
                kind="label",
                severity="error" if len(rows) > MANY * count else "warning",
                count=len(rows),
                unit="faces",
                sentence=f"{counted(len(rows), 'face')} of {count:,} with all points within "
                "two pixels, such as rows of zeros or coordinates that are fractions of the "
                "picture: training and scoring leave them out",
                examples=tuple(
                    f"{names.frame(row)}: {why_sizeless(data.points[row], data.visible[row])}"
                    for row in rows[:EXAMPLES]
                ),
            )
        )
    for stand_in in stand_ins(data.points, data.visible)[:EXAMPLES]:
        findings.append(
            Finding(
                id="stand_in",
                kind="label",
                severity="error" if len(stand_in.faces) > MANY * count else "warning",
                count=len(stand_in.faces),
                unit="faces",
                sentence=f"{stand_in}, as if this place meant that a point has no label; models "
                "learn it like any other label",
                examples=tuple(names.frame(row) for row in stand_in.faces[:EXAMPLES]),
                figures={"place_px": list(stand_in.place), "points": list(stand_in.points)},
            )
        )
    return tuple(findings)


def degenerate_faces(data: Labelled, names: FrameNames) -> tuple[Finding, ...]:
    """Faces without the length that errors are divided by, and faces whose length is too short."""
    lengths = normalisers(data.points, data.visible, data.scheme)
    scale = label_scale(data.points, data.visible)
    headline = "ioc" if "ioc" in lengths else "box"
    without_size = sizeless(data.points, data.visible)
    extent = scale > 0
    measured = extent & np.isfinite(lengths[headline])
    _, low = floored(lengths[headline], scale)
    return (
        *_warning(
            "no_extent",
            ~extent & ~without_size,
            names,
            "{count} without a visible point, or with points that enclose no area: left out of "
            "every figure",
        ),
        *_warning(
            "no_eye_corners",
            extent & ~measured & ~without_size,
            names,
            "{count} without both outer eye corners: left out of figures that are divided by their "
            "distance",
        ),
        *_warning(
            "degenerate_normaliser",
            measured & low & ~without_size,
            names,
            f"{{count}} with eye corners closer than {SHORTEST:g} sqrt(w h) of the points: that is "
            "what errors are divided by instead, or each would outweigh many others",
        ),
    )


def normaliser_facts(data: Labelled) -> dict[str, Any]:
    """The length that headline errors are divided by: its name, and its median and quartiles in
    pixels, before short lengths are raised. The numbers are None if no face has this length."""
    lengths = normalisers(data.points, data.visible, data.scheme)
    headline = "ioc" if "ioc" in lengths else "box"
    known = lengths[headline][np.isfinite(lengths[headline])]
    quartiles = np.quantile(known, [0.25, 0.5, 0.75]).tolist() if known.size else [None] * 3
    return {"name": headline, "median_px": quartiles[1], "quartiles_px": quartiles[::2]}


def _warning(id: str, chosen: Bools, names: FrameNames, sentence: str) -> tuple[Finding, ...]:
    rows = np.flatnonzero(chosen).tolist()
    if not rows:
        return ()
    return (
        Finding(
            id=id,
            kind="label",
            severity="warning",
            count=len(rows),
            unit="faces",
            sentence=sentence.format(count=counted(len(rows), "face")),
            examples=tuple(names.frame(row) for row in rows[:EXAMPLES]),
        ),
    )
