"""Networks of timm as backbones; :mod:`.timm_names` lists their names."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import cache, partial
from typing import Any

import timm
import torch
from timm.models import (
    build_model_with_cfg,
    get_pretrained_cfg,
    is_model,
    load_model_config_from_hf,
    model_entrypoint,
)
from torch import Tensor, nn

from zoo.api import Backbone, PluginError, UsageError, WeightsError, ZooError
from zoo.api.errors import close_names, did_you_mean
from zoo.files.reading import read_json
from zoo.plugins.backbones import hub_cache
from zoo.plugins.backbones.timm_maps import emit_maps, freeze_unused, indices_from
from zoo.plugins.backbones.timm_names import HUB, unknown

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""Files that timm looks for in a repository, in this order."""

_CANNOT_NORM_MAPS = ("Hiera", "HieraDet")
"""Classes of timm whose final norm is for the pooled vector only."""


def resolve(name: str) -> Backbone:
    """The backbone of that name, from timm's table of configurations: no model is built and nothing
    is downloaded.

    A hub repository's configuration is read if it is in the local cache. Raises
    :class:`PluginError` for a name that timm does not know.
    """
    if name.startswith(HUB):
        repository = name.removeprefix(HUB)
        return _backbone(name, hub_cache.cached_config(repository) or {"hf_hub_id": repository})
    return _backbone(name, _registered_config(name))


def _registered_config(name: str) -> dict[str, Any]:
    try:
        found: Any = get_pretrained_cfg(name)
    except RuntimeError:  # the architecture has no such tag
        found = None
    if found is None:
        architecture, _, tag = name.partition(".")
        known = timm.list_pretrained(f"{architecture}.*") if tag else timm.list_models()
        raise unknown(name, close_names(name, known) or sorted(known)[:3] * bool(tag))
    config: dict[str, Any] = found.to_dict()
    return config


def _backbone(name: str, config: dict[str, Any]) -> Backbone:
    facts: dict[str, Any] = {}
    if "input_size" in config:
        facts["input_size"] = config["input_size"][-1]
    facts |= {key: tuple(config[key]) for key in ("mean", "std") if key in config}
    papers = config.get("paper_ids") or config.get("origin_url") or ""
    return Backbone(
        build=partial(build, name),
        license="Apache-2.0",
        weights_license=config.get("license") or "unknown",
        reference=papers if isinstance(papers, str) else ", ".join(papers),
        weights=_address(config),
        summary=f"{name} of timm {timm.__version__}",
        **facts,
    )


def _address(config: dict[str, Any]) -> str:
    if not config.get("hf_hub_id"):
        return config.get("url") or ""
    repository, _, revision = config["hf_hub_id"].partition("@")
    file = config.get("hf_hub_filename") or WEIGHT_FILES[0]
    return f"https://huggingface.co/{repository}/resolve/{revision or 'main'}/{file}"


def build(
    name: str,
    *,
    pretrained: bool = False,
    input_size: int | None = None,
    stride: float | None = None,
    out_indices: Sequence[int] | int | None = None,
    norm: bool | None = None,
    tokens: bool = False,
    **options: Any,
) -> nn.Module:
    """A timm model without its classifier: images (B, 3, S, S) to maps (B, C, h, w) or, with
    ``tokens``, to all tokens of a vision transformer's last block, (B, N, C).

    With a ``stride``, it gives the maps from that stride (input pixels a cell) to the coarsest, one
    of each size; without it, only the coarsest. ``out_indices`` selects the maps instead: from 0
    (finest), negative ones from the end, and an integer n means the last n, as in timm. Layers
    after the last map are not built. A single map is given as a tensor, several as a list. ``norm``
    applies the model's final norm to them. The default is to apply it where the last map is the
    only one, since a transformer's features are used so. Options of the architecture
    (``drop_path_rate``, ``img_size``...) go to timm.

    Raises :class:`UsageError` for a size, an index or an option that the model does not take, and
    for a hub repository that would have to be fetched without ``pretrained``;
    :class:`WeightsError` where no pretrained weights exist; and timm's errors where the weights
    cannot be downloaded.
    """
    config = _config(name, pretrained)
    _require_architecture(name, options)
    native = _backbone(name, config).input_size
    size = input_size or native
    if config.get("fixed_input_size"):
        # Transformers fix their grid of positions when they are built; others refuse the argument.
        options.setdefault("img_size", size)
    try:
        model = _create(name, pretrained, options)
    except AssertionError as error:
        raise _wrong_size(name, size, native, error) from error
    for method in ("forward_intermediates", "prune_intermediate_layers"):
        if not hasattr(model, method):
            raise PluginError(
                f"timm:{name}: timm {timm.__version__} gives no feature maps of "
                f"{type(model).__name__} (it has no {method}); choose another model"
            )
    _check_patches(model, name, size)
    if tokens:
        _require_tokens(model, name, out_indices)
    if out_indices is None:
        out_indices = [-1] if stride is None else _indices(model, name, size, native, stride)
    if norm is None:
        last_alone = out_indices == 1 or out_indices in ([-1], (-1,))
        norm = last_alone and type(model).__name__ not in _CANNOT_NORM_MAPS
    try:
        kept = model.prune_intermediate_layers(out_indices, prune_norm=not norm)
    except (AssertionError, TypeError, ValueError) as error:
        raise UsageError(f"timm:{name}: out_indices is {out_indices!r}: {error}") from error
    emit_maps(model, kept, norm, tokens)
    _try_once(model, name, size, native)
    network: nn.Module = model
    return network


def _require_tokens(model: Any, name: str, out_indices: object) -> None:
    options = inspect.signature(model.forward_intermediates).parameters
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    if "return_prefix_tokens" not in options or not hasattr(model, "num_prefix_tokens") or not grid:
        raise UsageError(
            f"timm:{name}: {type(model).__name__} gives no tokens; choose a vision transformer, "
            "such as timm:vit_tiny_patch16_224, or a head that works on maps"
        )
    if out_indices is not None:
        raise UsageError(
            f"timm:{name}: out_indices names maps, and the head asks for tokens; take it out"
        )


def _require_architecture(name: str, options: dict[str, Any]) -> None:
    """Raises :class:`UsageError` for an option that does not belong to the architecture.

    Only arguments of the architecture's classes are allowed. Other arguments of timm's functions
    open files, fetch weights or say where to keep them: the record would name weights that the
    model did not start from, and a record from somebody else could name files of this machine.
    """
    for option in options:
        if option not in (known := _architecture_options(_architecture(name))):
            question = did_you_mean(option, known)
            raise UsageError(
                f"timm:{name}: backbone.{option} is no option of its architecture; "
                f"{question + ' ' if question else ''}"
                "weights of your own are given with --weights FILE, timm's with --pretrained"
            )


def _architecture(name: str) -> str:
    """``resnet18`` of ``resnet18.a1_in1k``, or the one that a repository's configuration names."""
    if not name.startswith(HUB):
        return name.partition(".")[0]
    folder = hub_cache.cached_folder(name.removeprefix(HUB), ("config.json",))
    config = None if folder is None else read_json(folder / "config.json")
    architecture = config.get("architecture") if isinstance(config, dict) else None
    if not isinstance(architecture, str) or not is_model(architecture):
        raise PluginError(f"timm:{name}: its configuration names no architecture of timm")
    return architecture


@cache
def _architecture_options(architecture: str) -> frozenset[str]:
    """Names of the arguments of the networks' and layers' classes, and of the fields of their
    configurations, that the module of the architecture defines or imports from timm's models."""
    module = inspect.getmodule(model_entrypoint(architecture))
    classes = [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, nn.Module)
        and each.__module__.startswith("timm.models.")
    ]
    options = {name for each in classes for name in inspect.signature(each.__init__).parameters}
    types = [each for each in vars(module).values() if isinstance(each, type)]
    options |= {each.name for table in filter(is_dataclass, types) for each in fields(table)}
    functions = (timm.create_model, build_model_with_cfg)
    others = {name for each in functions for name in inspect.signature(each).parameters}
    return frozenset(options - others - {"self", "args", "kwargs", "device", "dtype"})


def _config(name: str, pretrained: bool) -> dict[str, Any]:
    """timm's configuration of the model. With ``pretrained``, it is checked that weights exist and
    can be fetched."""
    if name.startswith(HUB):
        return _hub_config(name, pretrained)
    config = _registered_config(name)
    if pretrained:
        if not _address(config):
            raise WeightsError(
                f"timm:{name}: timm knows no pretrained weights for it; leave --pretrained out, "
                "or give a file with --weights"
            )
        if config.get("hf_hub_id"):
            file = config.get("hf_hub_filename")
            hub_cache.require(config["hf_hub_id"], (file,) if file else WEIGHT_FILES)
    return config


def _hub_config(name: str, pretrained: bool) -> dict[str, Any]:
    repository = name.removeprefix(HUB)
    if cached := hub_cache.cached_config(repository):
        if pretrained:
            hub_cache.require(repository, WEIGHT_FILES)
        return cached
    if not pretrained:
        raise UsageError(
            f"timm:{name}: its configuration is only on the hub, and only --pretrained downloads; "
            "give --pretrained, or name an architecture, as `zoo list 'timm:*'` lists them"
        )
    hub_cache.require(repository, ("config.json",))
    config: dict[str, Any] = load_model_config_from_hf(repository)[0]
    assumed, fetched = _backbone(name, {}), _backbone(name, config)
    for fact in ("input_size", "mean", "std"):
        if getattr(assumed, fact) != getattr(fetched, fact):
            # The caller has already used the defaults, and would feed the model wrong images.
            raise WeightsError(
                f"timm:{name}: its configuration has just been fetched and says "
                f"{fact} {getattr(fetched, fact)}; give the same command again to use it"
            )
    return config


def _create(name: str, pretrained: bool, options: dict[str, Any]) -> Any:
    source = name
    if name.startswith(HUB) and not pretrained:
        folder = hub_cache.cached_folder(name.removeprefix(HUB), ("config.json",))
        source = f"local-dir:{folder}"  # the hub is not asked for a newer version
    try:
        return timm.create_model(source, pretrained=pretrained, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise UsageError(f"timm:{name}: {error}; its options are those of timm") from error


def _indices(model: Any, name: str, size: int, native: int, stride: float) -> list[int]:
    try:
        return indices_from(model, size, stride)
    except ZooError:
        raise
    except Exception as error:
        raise _wrong_size(name, size, native, error) from error


def _check_patches(model: nn.Module, name: str, size: int) -> None:
    embedding = getattr(model, "patch_embed", None)
    patch = getattr(embedding, "patch_size", None)
    patch = patch[0] if isinstance(patch, tuple | list) else patch
    if isinstance(patch, int) and size % patch and not getattr(embedding, "dynamic_img_pad", False):
        # timm would silently drop the last pixels, and every point would be wrong
        raise UsageError(
            f"timm:{name}: cuts its input into patches of {patch} px and cannot work at {size}; "
            f"set input_size to {size // patch * patch or patch} or {(size // patch + 1) * patch}"
        )


def _try_once(model: nn.Module, name: str, size: int, native: int) -> None:
    """Run the model on one image: timm does not tell which sizes it takes, and which parameters it
    uses."""
    model.eval()  # batch norms keep their statistics, dropout draws no random numbers
    image = torch.zeros(1, 3, size, size, device=next(model.parameters()).device)
    try:
        with torch.enable_grad():
            maps = model(image)
    except ZooError:
        raise
    except Exception as error:
        raise _wrong_size(name, size, native, error) from error
    model.train()
    maps = [maps] if isinstance(maps, Tensor) else maps
    if any(each.ndim != (4 if model.token_grid is None else 3) for each in maps):
        shapes = ", ".join(str(tuple(each.shape)) for each in maps)
        raise PluginError(f"timm:{name}: gives {shapes}, no maps (B, C, h, w); choose another")
    freeze_unused(model, maps)


def _wrong_size(name: str, size: int, native: int, error: Exception) -> UsageError | PluginError:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    if size == native:
        return PluginError(f"timm:{name}: gives no feature maps: {reason[0]}; choose another model")
    return UsageError(
        f"timm:{name}: cannot work at {size} px ({reason[0]}); set input_size to its own {native}"
    )
