"""Discriminative learning rates: of each parameter, the factor on the configuration's ``lr``.

The head trains at ``lr``. A backbone that started from weights (pretrained, or a file's) trains at
``lr * backbone_lr * layer_decay ** k``, where ``k`` counts its blocks from the head: 1 for the last
block, more and more towards the stem, whose filters are the most general and need the least change
(Howard and Ruder, ULMFiT, arXiv:1801.06146; Clark et al., ELECTRA, arXiv:2003.10555). A backbone
that starts from random weights has nothing to keep, and trains at ``lr`` throughout.

What a block is: a model that offers timm's ``group_matcher`` says so itself (a transformer's layers
one by one, a residual network's blocks); of any other, the top-level children that have parameters
are the blocks, in their order, those of the only child where there is but one. Parameters that
belong to no child are the stem's.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from ..config import Config
from ..model import LandmarkModel
from ..reporter import Reporter


def rate_factors(
    model: LandmarkModel, config: Config, started: bool, reporter: Reporter
) -> dict[str, float]:
    """Factor of every parameter of the model, by name. ``started``: the backbone starts from
    weights; where it does not, or is never trained, the keys have no effect, and the reporter is
    told."""
    asked = [key for key in ("backbone_lr", "layer_decay") if getattr(config, key) != 1.0]
    factors = {name: 1.0 for name, _ in model.named_parameters()}
    if asked and not started:
        reporter.note(
            f"{' and '.join(asked)}: no effect, the backbone starts from random weights and trains "
            "at lr like the head; --pretrained or --weights FILE start it from others"
        )
    elif asked and config.freeze:
        reporter.note(f"{' and '.join(asked)}: no effect, the backbone is frozen")
    elif asked:
        blocks = blocks_of(model.backbone)
        count = 1 + max(blocks.values(), default=0)
        for name, block in blocks.items():
            below_head = count - block
            factors[f"backbone.{name}"] = config.backbone_lr * config.layer_decay**below_head
    return factors


def blocks_of(backbone: nn.Module) -> dict[str, int]:
    """The number of each parameter's block, by the parameter's name: 0 is the stem's."""
    if hasattr(backbone, "group_matcher"):
        from timm.models import group_parameters

        matcher: Any = backbone.group_matcher
        numbers: dict[str, int] = group_parameters(backbone, matcher(coarse=False), reverse=True)
        return numbers
    children = [
        (name, child)
        for name, child in backbone.named_children()
        if next(child.parameters(), None) is not None
    ]
    if len(children) == 1 and not list(backbone.parameters(recurse=False)):
        [(name, child)] = children
        return {f"{name}.{rest}": number for rest, number in blocks_of(child).items()}
    numbers = {name: 0 for name, _ in backbone.named_parameters()}
    for number, (child_name, child) in enumerate(children):
        numbers |= {f"{child_name}.{rest}": number for rest, _ in child.named_parameters()}
    return numbers
