"""The library's state: a hash that changes if and only if the catalog's roots or files do."""

import hashlib

from sqlalchemy import all_, func, select, union_all
from sqlalchemy.orm import Session

from soundalike.catalog.batch_summaries import outdated
from soundalike.catalog.summary_readings import files_read, ids_of
from soundalike.catalog.tables import BatchSummaryRow, LengthRuleRow, RootRow


def state_of(session: Session) -> str:
    """Hash the roots, the length rule and every file's path, size, time, batch and presence.

    16 hex digits. Files are read of those batches alone whose summaries are out of date.
    """
    old = outdated(session)
    columns = BatchSummaryRow.batch_id, BatchSummaryRow.files, BatchSummaryRow.files_hash
    kept = select(*columns).where(BatchSummaryRow.batch_id != all_(ids_of(old)))
    found = union_all(kept, files_read(old)).subquery()
    totals = (func.coalesce(func.sum(column), 0) for column in (found.c.files, found.c.files_hash))
    of_files = session.execute(select(*totals)).one()
    roots = session.scalars(select(RootRow.location).order_by(RootRow.location)).all()
    rule = session.execute(select(LengthRuleRow.shortest, LengthRuleRow.longest)).one_or_none()
    state = (*of_files, *roots, *(rule or ()))
    return hashlib.sha256("\n".join(map(str, state)).encode()).hexdigest()[:16]
