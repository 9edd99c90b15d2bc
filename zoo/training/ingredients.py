"""What a run is made of, gathered and checked before anything is written into a run folder: data,
network, objective, the frames that a teacher labelled, stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..api import DataError, UsageError
from ..config.files import require_no_files
from ..data.batches import derive
from ..data.chain import Chain
from ..data.passes import Pass, open_passes
from ..data.source import DataSource, open_source
from ..data.store import Store
from ..model import BuiltModel
from ..reporter import Reporter
from ..runs.environment import environment
from ..threads import advice
from ..world import World
from .loss import Criterion, build_loss
from .origin import Origin
from .plan import Plan
from .pseudo_labels import PseudoLabels, pseudo_label
from .rehearsal import rehearse
from .transfer import StartRun, build_with_weights


@dataclass(frozen=True)
class Ingredients:
    plan: Plan
    world: World
    reporter: Reporter
    source: DataSource
    built: BuiltModel
    start: StartRun | None
    """The run that the model starts from."""
    criterion: Criterion
    uses_loss: bool
    """Whether the configured loss is used in training, not only a loss of the head's own."""
    pseudo: PseudoLabels
    passes: Sequence[Pass]
    """Passes over the training split and what a teacher added to it; the first sees whole
    regions."""
    augmentations: Chain
    """The augmentations of plugins, which follow those of the passes."""
    val: Store
    environment: dict[str, Any]

    @property
    def labelled(self) -> Store:
        """The labelled part of the training split, as whole regions."""
        return self.pseudo.labelled(self.passes[0].store)

    @classmethod
    def gather(
        cls,
        plan: Plan,
        strict: bool,
        world: World,
        reporter: Reporter,
        origin: Origin | None = None,
    ) -> Ingredients:
        """Raises :class:`zoo.api.ZooError` for a plan that cannot be trained."""
        config = plan.config
        require_no_files(config, "configuration")
        if config.batch_size < 2 * world.size:
            raise UsageError(
                f"batch_size = {config.batch_size}: {world.size} process(es) need at least "
                f"{2 * world.size}, two images each for batch norm"
            )
        if not world.first:
            reporter = Reporter()  # only rank 0 reports
        with world.first_goes_ahead():
            source = open_source(config, strict, reporter, plan.dataset)
            for split in ("train", "val"):  # before anything is built or decoded
                source.measurable_rows(split)
            if origin is not None:
                origin.check_data(source)
            scheme = source.table.scheme
            torch.manual_seed(derive(config.seed, 3))
            built, start = build_with_weights(plan.model, scheme, reporter)
            point_loss = build_loss(plan.loss, scheme)
            weight = config.visibility_weight if source.table.tells_occlusion else 0.0
            needs = plan.loss.plugin.needs
            criterion = Criterion(plan.head.entry, plan.loss.entry, point_loss, weight, needs)
            uses_loss = _rehearse(built, criterion, plan, len(scheme), world, reporter)
            chain = Chain.of(plan.augmentations, scheme)
            chain.rehearse(len(scheme), built.input_size)
            pseudo = pseudo_label(config, source, world.device, reporter)
            passes = open_passes(config, pseudo.source, pseudo.count, built.input_size, reporter)
            train = pseudo.labelled(passes[0].store)
            val = source.store("val", config.region, built.input_size, reporter)
            if len(train) < 2 * world.size:
                raise DataError(
                    f"{len(train)} training frame(s) in the train split: {world.size} process(es) "
                    f"need at least {2 * world.size}, two images each for batch norm"
                )
        facts = environment(world.device, config.precision, world.size)
        if note := advice(facts["threads"]):
            reporter.note(note)
        if origin is not None:
            frames = {"train": len(train), "val": len(val)}
            origin.tell(plan, facts, frames, built.weights, reporter)
        return cls(
            plan=plan,
            world=world,
            reporter=reporter,
            source=source,
            built=built,
            start=start,
            criterion=criterion,
            uses_loss=uses_loss,
            pseudo=pseudo,
            passes=passes,
            augmentations=chain,
            val=val,
            environment=facts,
        )


def _rehearse(
    built: BuiltModel,
    criterion: Criterion,
    plan: Plan,
    points: int,
    world: World,
    reporter: Reporter,
) -> bool:
    """Leave out the parameters that no loss reaches; returns whether the configured loss is used.

    Raises :class:`UsageError` where the user named this loss and it is not used.
    """
    config, head = plan.config, plan.head.entry.id
    rehearsed = rehearse(
        built.model,
        criterion,
        points,
        built.input_size,
        unfreezes=config.unfreeze_after > 0,
        device=world.device,
        precision=config.precision,
    )
    if rehearsed.idle:
        built.model.leave_out(rehearsed.idle)
        reporter.note(
            f"{len(rehearsed.idle)} parameters are not trained, since {head} uses "
            f"nothing that depends on them: {', '.join(rehearsed.idle[:3])}"
            + (", ..." if len(rehearsed.idle) > 3 else "")
        )
    if not rehearsed.uses_loss and (asked := config.asked_for("loss")):
        raise UsageError(
            f"{asked}: head {head} trains on a loss of its own and has no use for "
            "another; leave it out, or choose another --head"
        )
    return rehearsed.uses_loss
