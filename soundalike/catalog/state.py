"""The library's state: a hash that changes if and only if the catalog's roots or files do."""

import hashlib

from sqlalchemy import Text, cast, func, literal, select
from sqlalchemy.orm import Session

from soundalike.catalog.tables import FileRow, LengthRuleRow, RootRow


def state_of(session: Session) -> str:
    """Hash the roots, the length rule and every file's path, size, time, batch and presence.

    16 hex digits. The sum over the files' own hashes does not depend on their order, so PostgreSQL
    computes it in one pass without sorting.
    """
    fields = (
        func.encode(FileRow.path, "hex"),
        FileRow.root_id,
        FileRow.size,
        FileRow.mtime_ns,
        FileRow.batch_id,
        FileRow.gone_at.is_(None),
    )
    line = func.concat_ws("/", *(cast(field, Text) for field in fields))
    of_files = select(
        func.count(FileRow.id), func.coalesce(func.sum(func.hashtextextended(line, literal(0))), 0)
    )
    roots = session.scalars(select(RootRow.location).order_by(RootRow.location)).all()
    rule = session.execute(select(LengthRuleRow.shortest, LengthRuleRow.longest)).one_or_none()
    state = (*session.execute(of_files).one(), *roots, *(rule or ()))
    return hashlib.sha256("\n".join(map(str, state)).encode()).hexdigest()[:16]
