"""Finding and loading plugins: one :class:`Registry` for each kind."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import functools
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar, cast, overload

from zoo import api
from zoo.api import Backbone, BackboneFamily, PluginError, UsageError, ZooError
from zoo.api.contracts import DEPRECATED_API_VERSIONS
from zoo.api.kinds import KINDS
from zoo.api.notices import deprecated
from zoo.registry.entries import (
    GROUPS,
    OURS,
    UNUSABLE,
    Entry,
    absent_requirement,
    canonical_kind,
    installed,
    one_line,
)
from zoo.registry.errors import (
    UnknownPluginError,
    ambiguous,
    elsewhere,
    failed,
    not_served,
    unknown,
)
from zoo.registry.file_options import located
from zoo.registry.summaries import maker_of

T = TypeVar("T")


@dataclass(frozen=True)
class Resolved(Generic[T]):
    """What an id means: the plugin, its entry and the options that a user wrote for it."""

    entry: Entry
    """The entry, with the version that was loaded, though another may have been installed since."""
    plugin: T
    options: Mapping[str, Any] = field(default_factory=dict)
    """An option that is a file has the path of that file on this machine."""

    @property
    def id(self) -> str:
        """``distribution/id``."""
        return self.entry.qualified

    @property
    def files(self) -> dict[str, str]:
        """The options that are files: a path by name."""
        declared = getattr(self.plugin, "files", ())
        return {name: self.options[name] for name in declared if name in self.options}


class Registry(Generic[T]):
    """The plugins of one kind; :func:`registry` gives the instance."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.loaded: dict[tuple[str, str], tuple[Entry, Any]] = {}
        """Loaded plugins by distribution and target, each with its entry as it was then."""

    def entries(self) -> list[Entry]:
        """Every installed plugin of this kind, by id; nothing is imported."""
        return [entry for entry in installed() if entry.kind == self.kind]

    def search(self, pattern: str) -> list[Entry]:
        """Entries whose id matches a shell pattern, or ``distribution/id`` one with a slash.

        ``timm:convnext*`` loads the family ``timm`` and searches its names. Raises PluginError
        where there is no such family, or it is broken.
        """
        head, colon, names = pattern.partition(":")
        if not colon:
            # without a slash, 'l*' would match all of landmark-zoo
            named = ((e, e.qualified if "/" in head else e.id) for e in self.entries())
            return [entry for entry, name in named if fnmatch.fnmatchcase(name, head)]
        entry = self.locate(head)
        family = self._family(entry)
        with _name_plugin_in_errors(entry, "cannot list its names"):
            return [replace(entry, id=f"{entry.id}:{name}") for name in family.names(names)]

    def locate(self, plugin_id: str) -> Entry:
        """The one entry that an id means; nothing is imported.

        Raises PluginError where none does, where two distributions claim the id, or where the id
        breaks the rules.
        """

        head, colon, name = plugin_id.partition(":")
        found = [entry for entry in self.entries() if entry.answers_to(head)]
        if not found:
            raise unknown(plugin_id, self.entries(), self.kind)
        if len(found) > 1:
            raise ambiguous(plugin_id, found)
        if found[0].status in UNUSABLE:
            raise PluginError(f"{found[0].qualified} cannot be used: {found[0].reason}")
        return replace(found[0], id=f"{found[0].id}:{name}") if colon else found[0]

    def get(self, plugin_id: str) -> T:
        """The plugin: an instance of its class in :mod:`zoo.api`, loaded now or before.

        A failure is not remembered, so a repaired plugin loads without a restart. Raises
        PluginError for an id that is unknown or ambiguous, and for a plugin that does not load;
        the latter names the distribution and its version and carries the cause.
        """
        return self.resolve(plugin_id).plugin

    def resolve(self, plugin_id: str, options: Mapping[str, Any] | None = None) -> Resolved[T]:
        """The plugin of an id with its entry and with ``options`` to build it with; raises what
        :meth:`get` raises."""
        try:
            entry = self.locate(plugin_id)
        except UnknownPluginError as error:
            if found := self._in_families(plugin_id):
                raise elsewhere(plugin_id, self.kind, found) from error
            raise
        if ":" in entry.id:
            plugin: Any = _member(entry, self._family(entry))
        else:
            plugin = self._load(entry)
            if _is_family(plugin):
                raise PluginError(
                    f"{entry.id} is a family of {self.kind}s: ask for one of them as "
                    f"{entry.id}:NAME; `zoo list '{entry.id}:*'` lists their names"
                )
        loaded, _ = self.loaded[entry.distribution, entry.target]
        named = replace(loaded, id=entry.id)
        return Resolved(named, cast(T, plugin), located(named, plugin, options or {}))

    def _in_families(self, name: str) -> list[str]:
        """The ids under which families have a name: ``timm:resnet50`` for ``resnet50``. Plugins
        whose source tells that they are no families are not loaded."""
        found = []
        if self.kind == "backbone" and not set(name) & set(":/*?["):
            for entry in self.entries():
                if maker_of(entry) == api.Backbone.__name__:
                    continue
                with contextlib.suppress(ZooError):
                    family = self._load(entry)
                    if _is_family(family) and family.names(name):
                        found.append(f"{entry.id}:{name}")
        return found

    def _family(self, entry: Entry) -> BackboneFamily:

        plugin = self._load(entry)
        if not _is_family(plugin):
            name = entry.id.partition(":")[0]
            raise PluginError(
                f"{name} is one {self.kind} and no family: nothing may follow it after a colon; "
                f"ask for {name}"
            )
        return cast("BackboneFamily", plugin)

    def _load(self, entry: Entry) -> Any:
        key = (entry.distribution, entry.target)
        if key not in self.loaded:
            entry = replace(entry, id=entry.id.partition(":")[0])
            self.loaded[key] = entry, _load(entry)
        return self.loaded[key][1]


@overload
def registry(kind: Literal["backbone", "backbones"]) -> Registry[api.Backbone]: ...
@overload
def registry(kind: Literal["dataset", "datasets"]) -> Registry[api.Dataset]: ...
@overload
def registry(kind: Literal["head", "heads"]) -> Registry[api.Head]: ...
@overload
def registry(kind: Literal["loss", "losses"]) -> Registry[api.Loss]: ...
@overload
def registry(kind: Literal["detector", "detectors"]) -> Registry[api.Detector]: ...
@overload
def registry(kind: Literal["augmentation", "augmentations"]) -> Registry[api.Augmentation]: ...
@overload
def registry(kind: Literal["metric", "metrics"]) -> Registry[api.Metric]: ...
@overload
def registry(kind: Literal["tracker", "trackers"]) -> Registry[api.Tracker]: ...
@overload
def registry(kind: str) -> Registry[Any]: ...
def registry(kind: str) -> Registry[Any]:
    """The registry of one kind: ``registry("backbone")`` or ``registry("backbones")``.

    Raises UsageError for a kind that does not exist.
    """
    return _registry(canonical_kind(kind))


@functools.cache
def _registry(kind: str) -> Registry[Any]:
    return Registry(kind)


def kind_of(plugin_id: str) -> str:
    """The kind of an id that stands in one kind only.

    Raises PluginError where no kind has it, UsageError where several do.
    """

    head, colon, _ = plugin_id.partition(":")
    everything = installed()
    named = (entry for entry in everything if entry.answers_to(head))
    kinds = ["backbone"] if colon else list(dict.fromkeys(entry.kind for entry in named))
    if not kinds:
        raise unknown(plugin_id, everything, "plugin")
    if len(kinds) > 1:
        choices = " or ".join(f"--kind {kind}" for kind in kinds)
        raise UsageError(f"{plugin_id} is a {' and a '.join(kinds)}: say which with {choices}")
    return kinds[0]


def author_of(error: BaseException) -> Entry | None:
    """The plugin whose code raised an error. Only frames of the zoo and of packages with loaded
    plugins count, and the innermost of them in the traceback decides. None if that one is the
    zoo's, or if its package has several loaded plugins, since the wrong one might be blamed."""
    loaded = [entry for kind in GROUPS for entry, _ in _registry(kind).loaded.values()]
    by_package: dict[str, list[Entry]] = {}
    for entry in loaded:
        if entry.distribution != OURS:
            package = entry.target.partition(".")[0].partition(":")[0]
            by_package.setdefault(package, []).append(entry)
    found: list[Entry] = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package == "zoo" or package in by_package:
            found = by_package.get(package, [])
    return found[0] if len(found) == 1 else None


def load(entry: Entry) -> Any:
    """Import an entry's target, uncached, and check that it is an instance of its kind's contract.

    A member of a family is resolved as well. Raises PluginError with the cause.
    """
    family_entry = replace(entry, id=entry.id.partition(":")[0])
    plugin = _load(family_entry)
    return _member(entry, plugin) if ":" in entry.id else plugin


def _load(entry: Entry) -> Any:
    import pkgutil

    with _name_plugin_in_errors(entry, f"cannot be loaded from {entry.target}", at_import=True):
        plugin = pkgutil.resolve_name(entry.target)
        contract = _contract(entry.kind)
        if not isinstance(plugin, contract) and not (
            entry.kind == "backbone" and _is_family(plugin)
        ):
            raise TypeError(
                f"a {entry.kind} is an instance of zoo.api.{contract.__name__}, "
                f"and this is {plugin!r:.80}"
            )
    _check_version(entry, plugin)
    return plugin


def _member(entry: Entry, family: BackboneFamily) -> Backbone:
    with _name_plugin_in_errors(entry, "cannot be had"):
        backbone = family.resolve(entry.id.partition(":")[2])
        if not isinstance(backbone, Backbone):
            raise TypeError(f"resolve gave {backbone!r:.80}, which is no zoo.api.Backbone")
    _check_version(entry, backbone)
    return backbone


def _check_version(entry: Entry, plugin: object) -> None:
    """Refuse a plugin of an API version that is not served; warn of a deprecated version."""
    version = getattr(plugin, "api_version", 1)
    if type(version) is not int or version not in api.SERVED_API_VERSIONS:
        raise not_served(entry, version)
    if version in DEPRECATED_API_VERSIONS:
        deprecated(
            f"version {version} of the plugin API",
            since=DEPRECATED_API_VERSIONS[version],
            instead=f"upgrade {entry.distribution}, "
            f"or ask its author for version {api.API_VERSION}",
            by=f"{entry.kind} {entry.id} of {entry.origin}",
        )


@contextlib.contextmanager
def blaming(entry: Entry, what: str) -> Iterator[None]:
    """Run code of a loaded plugin. Whatever it raises, SystemExit too, becomes a PluginError of one
    line that names the plugin and says ``what`` happened, such as "cannot be built".

    A ZooError stays as it is: it is the plugin's own message to the user, or names another plugin
    that this one called. So does an error that is no plugin's fault: Ctrl-C, a machine out of
    memory, a full disk, a required library of the zoo that is not installed.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, ZooError) or _is_no_fault(error):
            raise
        raise failed(entry, what, error, running=True) from error


@contextlib.contextmanager
def exits_are_faults() -> Iterator[None]:
    """Turn a ``sys.exit`` inside, in a backward pass for example, into a :class:`PluginError`. Only
    plugins call it, since commands of the zoo end by themselves. The error names the plugin if it
    is known."""
    try:
        yield
    except SystemExit as error:
        what = "ended the program"
        if entry := author_of(error):
            raise failed(entry, what, error, running=True) from error
        raise PluginError(f"a plugin {what}: {one_line(error)}") from error


def _is_no_fault(error: BaseException) -> bool:
    """Whether an error is no plugin's fault."""
    if isinstance(error, KeyboardInterrupt | GeneratorExit | MemoryError):
        return True
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return True
    # torch's error, by its name, since this module does not import torch
    return type(error).__name__ == "OutOfMemoryError" or bool(absent_requirement(error))


@contextlib.contextmanager
def _name_plugin_in_errors(entry: Entry, what: str, at_import: bool = False) -> Iterator[None]:
    """Load a plugin: whatever that raises becomes one line that names the plugin.

    Unless ``at_import``, a ZooError is the plugin's own message to the user and stays as it is.
    What the plugin prints goes to standard error: standard output belongs to the command.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, GeneratorExit):
        raise  # the user's, and Python's own
    except BaseException as error:  # SystemExit too, and what a library derives from this
        if isinstance(error, ZooError) and not at_import:
            raise
        raise failed(entry, what, error) from error


def _contract(kind: str) -> type:
    contract: type = getattr(api, KINDS[kind].contract)
    return contract


def _is_family(plugin: object) -> bool:
    return isinstance(plugin, BackboneFamily) and not isinstance(plugin, type)
