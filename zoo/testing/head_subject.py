"""A head being checked: the forms of features that it takes, and its outputs for them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from zoo.api import IBUG68, LandmarkScheme, ZooError
from zoo.model import declared_outputs
from zoo.registry.call import call_unblamed
from zoo.testing.common import wrong_outputs
from zoo.testing.failures import CheckFailed, needs
from zoo.testing.modules import Run
from zoo.testing.small_net import SIZE, FeatureForm, forms
from zoo.testing.subject import Subject
from zoo.testing.tensors import seeded


class HeadSubject(Subject):
    """A head, and the forms of features that it takes."""

    def build(self, form: FeatureForm, seed: int = 0, scheme: LandmarkScheme = IBUG68) -> nn.Module:
        """A new module in eval mode, its weights from ``seed``."""
        with seeded(seed):
            return self.build_as_is(form, scheme).eval()

    def build_as_is(self, form: FeatureForm, scheme: LandmarkScheme = IBUG68) -> nn.Module:
        """A new module, its weights from torch's present random state."""
        built: Any = call_unblamed(
            "head", self.plugin_id, self.plugin.build, form.info, scheme, SIZE, **self.options
        )
        if not isinstance(built, nn.Module):
            raise CheckFailed(f"build gives a {type(built).__name__}, no torch module")
        return built

    @functools.cached_property
    def offered(self) -> list[FeatureForm]:
        parameter = inspect.signature(self.plugin.build).parameters.get("stride")
        stride = None if parameter is None else self.options.get("stride", parameter.default)
        return forms(stride, self.plugin.tokens)

    def outputs(self, module: nn.Module) -> dict[str, tuple[int, ...]]:
        """Declared outputs beside points and scores, with the shape for one face of 68 points."""
        declared = getattr(module, "declared_outputs", {})
        if why := wrong_outputs("outputs", declared):
            raise CheckFailed(f"its module's declared_outputs = {declared!r}: {why}")
        return declared_outputs(self.plugin, module, len(IBUG68))

    def sort_out(self) -> tuple[list[FeatureForm], dict[str, str]]:
        """The forms that it takes, and its message for each of the others."""
        taken, refused = [], {}
        for form in self.offered:
            try:
                self.build(form)
            except ZooError as error:
                refused[form.name] = str(error)
            except CheckFailed:
                raise
            except Exception as error:
                raise CheckFailed(
                    f"{form.name}: it raises {type(error).__name__} ({error}); what it cannot "
                    "take it must refuse with zoo.api.UsageError, by its name"
                ) from error
            else:
                taken.append(form)
        return taken, refused

    @functools.cached_property
    def taken(self) -> list[FeatureForm]:
        with needs("takes_features_or_refuses_by_name"):
            taken, _ = self.sort_out()
        if not taken:
            with needs("takes_features_or_refuses_by_name"):
                raise CheckFailed("it takes none")
        return taken

    def each(self, seed: int = 0) -> Iterator[tuple[FeatureForm, nn.Module]]:
        for form in self.taken:
            yield form, self.build(form, seed)

    def run(
        self, module: nn.Module, features: Tensor | list[Tensor], seed: int = 0
    ) -> list[Tensor]:
        """Its points, then its other tensors by name; without gradients."""
        with needs("gives_points"), torch.no_grad(), seeded(seed):
            return points_first(module(features))

    def run_on_two(self, form: FeatureForm) -> Run:
        """Gives a module's outputs for the features of two images that are always the same."""
        return lambda module: self.run(module, form.features(2))


def points_first(output: Any) -> list[Tensor]:
    if not isinstance(output, dict) or not isinstance(output.get("points"), Tensor):
        what = sorted(output) if isinstance(output, dict) else type(output).__name__
        raise CheckFailed(f'it gives {what}, no dict with the tensor "points"')
    return [output["points"], *(output[name] for name in sorted(output) if name != "points")]
