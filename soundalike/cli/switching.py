"""Switching the library's settings: what a command's options and the process's settings ask for."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from soundalike.catalog import library_settings
from soundalike.errors import SettingsError
from soundalike.settings import Settings, origin_of


def library_or_own(session: Session, settings: Settings) -> Settings:
    """Return the settings with the library's values, even of those that the process sets."""
    row = library_settings.read(session)
    return settings.following(library_settings.values_of(row)) if row else settings


def wanted(
    session: Session, settings: Settings, names: tuple[str, ...], options: Mapping[str, Any]
) -> Settings:
    """Return the library's settings with those of `names` that are to be switched.

    An option decides; without it what the process sets; without that the library's value stays.
    Raises SettingsError if an option contradicts what the process sets: it would be refused next.
    """
    explicit = {
        name: getattr(settings, name) for name in names if name in settings.model_fields_set
    }
    chosen = {name: value for name, value in options.items() if value is not None}
    for name in chosen.keys() & explicit.keys():
        if chosen[name] != explicit[name]:
            raise SettingsError(
                f"{name}: the option says {chosen[name]}, and {origin_of(settings, name)} says "
                f"{explicit[name]}, so that every later command would stop. Change or unset that "
                "first, then switch"
            )
    return library_or_own(session, settings).following(explicit | chosen)


def differences(old: Settings, new: Settings) -> list[str]:
    """Return a line for each of the library's settings that the switch changes."""
    shown = library_settings.shown_value
    return [
        f"{name}: {shown(getattr(old, name))} -> {shown(getattr(new, name))}"
        for name in library_settings.OWNED
        if getattr(old, name) != getattr(new, name)
    ]
