"""Library settings: what must be the same for all processes that work on a library; one row.

A setting of these that a process does not set follows the library's. One that it sets to another
value stops the process: two processes that differ would replace each other's index for ever.
"""

from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from soundalike.catalog.engine import Sessions
from soundalike.catalog.publications import published
from soundalike.catalog.tables import IndexVersionRow, LibrarySettingsRow
from soundalike.embedders import MODELS, space_for
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import SettingsError
from soundalike.settings import Settings, origin_of
from soundalike.settings.values import current_kind

SPACE = ("model", "windows", "index_kind")  # changed by `soundalike space switch`
RULES = ("extensions", "shortest_seconds", "longest_seconds")  # by `soundalike rules switch`
OWNED = (*SPACE, *RULES)


def read(session: Session) -> LibrarySettingsRow | None:
    """Return the library's settings; None before a process adopted some."""
    return session.get(LibrarySettingsRow, 1)


def write(session: Session, settings: Settings, space: str) -> None:
    """Make these the library's settings. `space`: the key of the space that they make.

    The next machine of a cluster that embeds decides the arithmetic.
    """
    values = {name: getattr(settings, name) for name in OWNED}
    values |= {
        "windows": str(settings.windows),
        "extensions": sorted(settings.extensions),
        "space": space,
        "arithmetic": None,
    }
    session.execute(
        insert(LibrarySettingsRow)
        .values(id=1, **values)
        .on_conflict_do_update(
            index_elements=[LibrarySettingsRow.id], set_={**values, "changed_at": func.now()}
        )
    )


def values_of(row: LibrarySettingsRow) -> dict[str, Any]:
    """Return the library's values of the fields OWNED, as Settings has them."""
    values = {name: getattr(row, name) for name in OWNED}
    words = ("balanced", "all")
    windows = row.windows if row.windows in words else int(row.windows)
    return values | {
        "windows": windows,
        "extensions": frozenset(row.extensions),
        "index_kind": current_kind(row.index_kind),
    }


def conflicts(settings: Settings, row: LibrarySettingsRow) -> list[str]:
    """Return the names of the settings that the process sets to another value than the library."""
    library = values_of(row)
    explicit = [name for name in OWNED if name in settings.model_fields_set]
    return [name for name in explicit if getattr(settings, name) != library[name]]


def resolve(settings: Settings, row: LibrarySettingsRow | None) -> Settings:
    """Return the process's settings with the library's values where it sets none.

    Raises SettingsError if it sets one to another value, with both values, where each comes from
    and what to do.
    """
    if row is None:
        return settings
    if row.model not in MODELS:
        raise SettingsError(
            f"the library's model is {row.model}, which is neither built in here nor offered by an "
            "installed package; update soundalike, or install that package again"
        )
    if different := conflicts(settings, row):
        raise SettingsError(_refusal(settings, row, different))
    return settings.following(values_of(row))


def follow(sessions: Sessions, settings: Settings) -> Settings:
    """Return what `resolve` does. Nothing is recorded, and no weights are needed.

    Raises SettingsError as `resolve`, and if there is an index of another model, of a time when
    the catalog did not record the library's settings.
    """
    with sessions() as session:
        row = read(session)
        served = published(session) if row is None else None
    if served and served.index.model != settings.model:
        raise _other_index(settings, served.index, settings.model)
    return resolve(settings, row)


def adopt(sessions: Sessions, settings: Settings) -> Settings:
    """Return what `follow` does; a library without settings gets this process's.

    Raises SettingsError as `follow`, and if the index of such a library has another space;
    WeightsError if the model's space is not known without its weights.
    """
    resolved = follow(sessions, settings)
    with sessions.begin() as session:
        if read(session) is None:
            space, served = space_for(settings).key, published(session)
            if served and served.index.space != space:
                raise _other_index(settings, served.index, space)
            write(session, settings, space)
    return resolved


def library_space(sessions: Sessions, settings: Settings) -> EmbeddingSpace:
    """Return the space of resolved settings. Raises SettingsError if the library's is another one.

    Then the same names stand for other weights, or for another version of the preprocessing.
    """
    space = space_for(settings)
    with sessions() as session:
        row = read(session)
    if row is not None and row.space != space.key:
        raise SettingsError(
            f"the library's embeddings have the space {row.space}, and {settings.model} here makes "
            f"{space.key}: it has other weights (SOUNDALIKE_MERT_PATH), or another version of "
            "soundalike made them.\nUse the same weights, or embed the library again: "
            "soundalike space switch"
        )
    return space


def _other_index(settings: Settings, index: IndexVersionRow, wanted: str) -> SettingsError:
    """Refuse to replace an index of another space by settings that the library never had."""
    return SettingsError(
        f"the library is served from an index of {index.model} (space {index.space}), and this "
        f"process would make one of {wanted}: model = {settings.model} "
        f"({origin_of(settings, 'model')}), windows = {settings.windows} "
        f"({origin_of(settings, 'windows')}).\nSet SOUNDALIKE_MODEL and SOUNDALIKE_WINDOWS once "
        "to what made it, and the library keeps them; or embed it again: soundalike space switch"
    )


def _refusal(settings: Settings, row: LibrarySettingsRow, different: list[str]) -> str:
    library = values_of(row)
    since = f"{row.changed_at:%Y-%m-%d %H:%M}"
    lines = [
        f"{name}: the library has {shown_value(library[name])} (its catalog, since {since}), this "
        f"process has {shown_value(getattr(settings, name))} ({origin_of(settings, name)})"
        for name in different
    ]
    commands = [
        f"soundalike {command} switch"
        for command, names in (("space", SPACE), ("rules", RULES))
        if set(names) & set(different)
    ]
    return "\n".join(
        (
            *lines,
            "To work on the library as it is, unset this; what is not set follows the library.",
            f"To change the library: {' and '.join(commands)}",
        )
    )


def shown_value(value: object) -> str:
    """Return a setting's value as text."""
    return ",".join(sorted(value)) if isinstance(value, frozenset) else str(value)
