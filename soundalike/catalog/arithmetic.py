"""The library's arithmetic: what all machines of a cluster that embed must have alike.

The same audio gives the same vector to the bit only on equal units in equal precision; otherwise
the index would have another version each time, and not because of the music. The first machine of a
cluster that embeds decides. On one machine nothing is compared: another one may take over.
"""

import socket

from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import LibrarySettingsRow
from soundalike.errors import SettingsError


def require_alike(sessions: Sessions, arithmetic: str) -> None:
    """Require the library's arithmetic; a library without one gets this.

    Raises SettingsError with both, this host and what to do.
    """
    with sessions.begin() as session:
        row = session.get(LibrarySettingsRow, 1, with_for_update=True)
        if row is None:
            return
        row.arithmetic = row.arithmetic or arithmetic
        wanted = row.arithmetic
    if wanted != arithmetic:
        raise SettingsError(
            f"the library is embedded with {wanted}, and {socket.gethostname()} has {arithmetic}: "
            "its vectors would differ in their last bits, or more.\nEmbed on equal machines only "
            "(SOUNDALIKE_DEVICE, SOUNDALIKE_PRECISION, or resources of the cluster), or let the "
            "next one decide: soundalike space forget-arithmetic"
        )


def forget(sessions: Sessions) -> str | None:
    """Let the next machine that embeds decide; return what was required, if anything was."""
    with sessions.begin() as session:
        row = session.get(LibrarySettingsRow, 1, with_for_update=True)
        before = row.arithmetic if row else None
        if row:
            row.arithmetic = None
    return before
