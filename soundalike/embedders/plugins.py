"""Models of other installed packages, found by their entry points (docs/models.md)."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache, wraps
from importlib.metadata import EntryPoint
from typing import TypeVar

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.model_spec import ModelSpec
from soundalike.embedders.probe_windows import broken_promise
from soundalike.errors import PluginError, SettingsError, SoundalikeError
from soundalike.settings import Settings
from soundalike.settings.model_names import BUILT_IN, known_model, offered, package_of

Made = TypeVar("Made")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)  # it becomes a folder's name


@cache
def load_plugin(name: str) -> ModelSpec:
    """Import the package that offers a model, and return its spec, checked.

    Raises SettingsError if no package offers it, and PluginError, which names the package and what
    is wrong with it.
    """
    try:
        known_model(name)
    except ValueError as error:
        raise SettingsError(f"there is no model {name!r}: it {error}") from None
    entries = offered(name)
    if len(entries) > 1:
        packages = " and ".join(map(package_of, entries))
        raise PluginError(f"the model {name!r} is offered by {packages}.\nUninstall all but one")
    return _spec(entries[0])


def _spec(entry: EntryPoint) -> ModelSpec:
    if entry.name in BUILT_IN:
        raise _mistake(entry, "has the name of a built-in model")
    if not SAFE_NAME.fullmatch(entry.name):
        raise _mistake(entry, "has a name that is not made of letters, digits, `.`, `_` and `-`")
    spec = _guarded(entry, entry.load)()
    if not isinstance(spec, ModelSpec):
        raise _mistake(entry, f"is {entry.value} of type {type(spec).__name__}, and no ModelSpec")
    if spec.name != entry.name:
        raise _mistake(entry, f"calls itself {spec.name!r}")
    return replace(spec, space=_checked_space(entry, spec), load=_checked_load(entry, spec))


def _checked_space(entry: EntryPoint, spec: ModelSpec) -> Callable[[Settings], EmbeddingSpace]:
    def space(settings: Settings) -> EmbeddingSpace:
        made = _guarded(entry, spec.space)(settings)
        if made.model != spec.name:
            raise _mistake(entry, f"has a space of another model, {made.model!r}")
        if not SAFE_NAME.fullmatch(made.id):
            raise _mistake(entry, f"has a space whose id cannot be a folder's name, {made.id!r}")
        return made

    return space


def _checked_load(entry: EntryPoint, spec: ModelSpec) -> Callable[[Settings], Embedder]:
    def load(settings: Settings) -> Embedder:
        embedder = _guarded(entry, spec.load)(settings)
        if embedder.space.key != spec.space(settings).key:
            raise _mistake(entry, "was loaded with another space than the one that its spec names")
        if broken := _guarded(entry, broken_promise)(embedder):
            raise _mistake(entry, broken)
        return embedder

    return load


def _guarded(entry: EntryPoint, call: Callable[..., Made]) -> Callable[..., Made]:
    """Report whatever the package's code raises with the package's name; our own errors pass."""

    @wraps(call)
    def guarded(*given: object) -> Made:
        try:
            return call(*given)
        except SoundalikeError:
            raise
        except Exception as error:
            raise _mistake(entry, f"failed: {type(error).__name__}: {error}") from error

    return guarded


def _mistake(entry: EntryPoint, what: str) -> PluginError:
    package = entry.dist.name if entry.dist else entry.value
    return PluginError(
        f"the model {entry.name!r} of the package {package_of(entry)} {what}.\n"
        f"Update the package, or uninstall it: pip uninstall {package}"
    )
