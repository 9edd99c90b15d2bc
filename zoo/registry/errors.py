"""Errors of plugins and of their lookup: each says in one line what is wrong and what to do."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import fields, is_dataclass
from importlib import metadata
from typing import Any

from zoo import api
from zoo.api import PluginError
from zoo.api.errors import close_names, did_you_mean
from zoo.registry.entries import GROUPS, OURS, Entry, hidden, normal, one_line, version_of

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_UNKNOWN_FIELD = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_UNKNOWN_NAME = re.compile(r"cannot import name '(\w+)' from '(zoo[\w.]*)'")


class UnknownPluginError(PluginError):
    """An id that no installed plugin answers to."""

    def __init__(self, message: str, kind: str, plugin_id: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.plugin_id = plugin_id


class BrokenPluginError(PluginError):
    """A plugin that does not load, or that this zoo does not serve."""

    def __init__(self, entry: Entry, what: str, reason: str, advice: str = "") -> None:
        super().__init__(f"{entry.kind} {entry.id} of {entry.origin} {what}{reason}{advice}")
        self.reason = reason
        """The reason alone, for a list that shows the plugin's name and origin beside it."""


def unknown(plugin_id: str, entries: list[Entry], what: str) -> PluginError:
    """The error for an id that none of the entries answers to. ``what``: a kind, or "plugin"."""
    head, colon, name = plugin_id.partition(":")
    distribution, slash, plain = head.rpartition("/")
    for entry in hidden():
        if entry.answers_to(head) and what in (entry.kind, "plugin"):
            return PluginError(
                f"{plugin_id} is a {entry.kind} of {entry.origin}, which ZOO_PLUGINS hides: "
                f"add {entry.distribution} to it, or unset it"
            )
    if slash:
        entries = [entry for entry in entries if normal(entry.distribution) == normal(distribution)]
        if not entries:
            return UnknownPluginError(
                f'no {what} is called "{plugin_id}": {distribution} is not installed or brings '
                f"none; install it, or see `zoo list`",
                what,
                plugin_id,
            )
    close = close_names(plain, dict.fromkeys(entry.id for entry in entries))
    guesses = [distribution + slash + match + colon + name for match in close]
    hint = f"; did you mean {' or '.join(guesses)}?" if close else ";"
    command = f"zoo list --kind {what}" if what in GROUPS else "zoo list"
    message = f'no installed {what} is called "{plugin_id}"{hint} `{command}` lists them all'
    own = "`pip install -e FOLDER` adds one of your own"
    return UnknownPluginError(f"{message}, {own}", what, plugin_id)


def elsewhere(name: str, kind: str, found: list[str]) -> UnknownPluginError:
    """The error for an id that only families have: ``timm:resnet50``."""
    message = f'no installed {kind} is called "{name}"; did you mean {" or ".join(found)}?'
    return UnknownPluginError(message, kind, name)


def ambiguous(plugin_id: str, found: list[Entry]) -> PluginError:
    """The error for an id that several entries answer to."""
    if len({entry.qualified for entry in found}) == 1:
        targets = " and ".join(entry.target for entry in found)
        return PluginError(
            f"{found[0].origin} declares the {found[0].kind} {plugin_id} twice, as {targets}: "
            "its author must rename one"
        )
    return PluginError(
        f"{plugin_id} is a {found[0].kind} of {' and of '.join(entry.origin for entry in found)}: "
        f"ask for {' or '.join(entry.qualified for entry in found)}"
    )


def failed(
    entry: Entry, what: str, error: BaseException, running: bool = False
) -> BrokenPluginError:
    """The error for a plugin whose code raised ``error``; it explains the cause if that is known.
    ``running``: the plugin had been loaded and failed later, when it was used."""
    reason = _explained(entry, error)
    if reason is not None:
        return BrokenPluginError(entry, f"{what}: ", reason)
    if running:
        whom = "" if entry.distribution == OURS else f", for the author of {entry.distribution}"
        advice = f". The same command with --debug shows where{whom}"
        return BrokenPluginError(entry, f"{what}: ", one_line(error), advice)
    advice = (
        f". Repair, upgrade or uninstall {entry.distribution}; `zoo list --check` tries every "
        "plugin"
    )
    return BrokenPluginError(entry, f"{what}: ", one_line(error), advice)


def not_served(entry: Entry, version: object) -> BrokenPluginError:
    """The error for a plugin written for a version of the contracts that this zoo lacks."""
    served = sorted(api.SERVED_API_VERSIONS)
    if type(version) is not int:
        reason = f"states {version!r:.40} for its api_version, which is a whole number, such as 1"
    else:
        remedy = (
            f"upgrade {OURS} (pip install --upgrade {OURS})"
            if version > max(served)
            else f"upgrade {entry.distribution}, or ask its author for version {api.API_VERSION}"
        )
        reason = (
            f"is written for version {version} of the plugin API, and {_us()} serves "
            f"version{'s' if len(served) > 1 else ''} {', '.join(map(str, served))}: {remedy}"
        )
    return BrokenPluginError(entry, "", reason)


def _us() -> str:
    return f"{OURS} {version_of(OURS)}"


def _explained(entry: Entry, error: BaseException) -> str | None:
    """A reason that says what to do, for the usual failures of plugins; None for any other."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(entry, error.name)
    text = str(error)
    if isinstance(error, ImportError) and (name := _UNKNOWN_NAME.search(text)):
        return _not_in_the_api(entry, f"{name[2]}.{name[1]}")
    if isinstance(error, AttributeError) and error.obj is api:
        return _not_in_the_api(entry, f"zoo.api.{error.name}", dir(api))
    if isinstance(error, TypeError) and (found := _UNKNOWN_FIELD.search(text)):
        contract: Any = getattr(api, found[1], None)
        if found[1] in api.__all__ and is_dataclass(contract):
            known = [field.name for field in fields(contract)]
            return _not_in_the_api(entry, f"{found[1]}({found[2]}=...)", known, found[2])
    return None


def _not_in_the_api(entry: Entry, what: str, known: list[str] | None = None, name: str = "") -> str:
    question = did_you_mean(name or what.rpartition(".")[2], known or [], most=1)
    hint = f" ({question})" if question else ""
    return (
        f"uses {what}, which version {api.API_VERSION} of the plugin API, in {_us()}, does not "
        f"have{hint}; if {entry.distribution} was written for a newer {OURS}: "
        f"pip install --upgrade {OURS}; for an older one: upgrade {entry.distribution}"
    )


def _missing_module(entry: Entry, module: str) -> str:
    target = entry.target.partition(":")[0]
    top = module.partition(".")[0]
    if target == module or target.startswith(f"{module}."):
        return (
            f"names the module {target}, and there is no {module}: "
            f"reinstall {entry.distribution}, or tell its author"
        )
    if top == "zoo":
        return _not_in_the_api(entry, module)
    if top != module and (top in sys.modules or importlib.util.find_spec(top) is not None):
        return f"needs {module}, which the installed {top} lacks: it wants another version of {top}"
    needed = f"needs {module}, which is not installed"
    requirement = _requirement_for(entry.distribution, top)
    if requirement:
        return f"{needed}: pip install {requirement}"
    return (
        f"{needed} and which {entry.distribution} does not declare: "
        "install the package that brings it, and tell the author"
    )


def _requirement_for(distribution: str, module: str) -> str:
    """What to install for a module, among the requirements that the distribution declares. Never a
    guess: a module and its package may have different names, and a stranger may own the package
    that is named like the module."""
    try:
        declared = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return ""
    absent = []
    for line in declared:
        match = _REQUIREMENT.match(line)
        if match is None or version_of(match[1]) is not None:
            continue
        extra = _EXTRA.search(line)
        requirement = f"'{distribution}[{extra[1]}]'" if extra else match[1]
        if normal(match[1]) == normal(module):
            return requirement
        if ";" not in line:  # without a condition: it should be there, whatever its modules' names
            absent.append(requirement)
    return " ".join(absent)
