"""Names of models: the built-in ones, and those that installed packages offer as entry points.

Reading the entry points imports none of those packages, and happens only for a name that is not
built in.
"""

from importlib.metadata import EntryPoint, entry_points

ENTRY_POINTS = "soundalike.embedders"
BUILT_IN = ("mert-v1-95m", "mert-v1-330m", "musicnn-msd")


def offered(name: str | None = None) -> list[EntryPoint]:
    """Return the entry points of models in installed packages, or those of one name."""
    found = entry_points(group=ENTRY_POINTS)
    return sorted(
        (entry for entry in found if name is None or entry.name == name),
        key=lambda entry: (entry.name, package_of(entry)),
    )


def package_of(entry: EntryPoint) -> str:
    """Name the package that offers a model, with its version."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def known_model(name: str) -> str:
    """Require the name of a built-in model, or of one that an installed package offers.

    Raises ValueError that lists the known ones.
    """
    if name in BUILT_IN or offered(name):
        return name
    others = [f"{entry.name} (of {package_of(entry)})" for entry in offered()]
    raise ValueError(
        f"must be one of {', '.join([*BUILT_IN, *others])}, or a model that an installed package "
        f"offers in the entry-point group {ENTRY_POINTS}"
    )
