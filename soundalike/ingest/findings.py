"""The findings of a scan in one root, which are recorded, and sealed into batches."""

from collections import Counter

from sqlalchemy.orm import Session

from soundalike.catalog import library, roots
from soundalike.ingest.balance import Balance
from soundalike.ingest.compare import Change
from soundalike.sources.entry import Entry, EntryKind

ROOT_ADVICE = (
    "if it was moved: soundalike roots move OLD NEW; if it is gone for good: soundalike roots "
    "remove OLD"
)
WORK = frozenset((Change.NEW, Change.CHANGED, Change.AGAIN, Change.OUTDATED))


class Findings:
    """Records a root's pairs; holds at most one batch's work, and ids of other changes."""

    def __init__(self, session: Session, root_id: int, batch_tracks: int) -> None:
        self._session, self._root_id, self._batch_tracks = session, root_id, batch_tracks
        self._work: list[tuple[int | None, Entry]] = []
        self._retagged: set[int] = set()
        self._returned: list[int] = []
        self.unseen: list[int] = []
        self.missing: list[int] = []
        self.gone: list[int] = []
        self._lists = {
            Change.RETURNED: self._returned,
            Change.MISSING: self.missing,
            Change.UNSEEN: self.unseen,
            Change.LEFT_OUT: self.gone,
        }
        self.balance = Balance()
        self.changes: Counter[Change] = Counter()
        self.batches: dict[str, int] = {}
        self.problems: list[str] = []
        self._told: Entry | None = None
        self._unchanged = self._sealed_anew = 0

    def add(self, change: Change, known: library.KnownFile | None, entry: Entry | None) -> None:
        """Take one pair and its change."""
        if change is Change.NONE and entry and entry.kind is EntryKind.MUSIC:
            self._unchanged += 1  # nearly all of a large library
            return
        self.changes[change] += 1
        if entry and (known is None or known.path == entry.path):
            self.balance.add(entry)
        hides = entry and (not entry.hides_only or change is Change.UNSEEN)
        if entry and entry.reason and hides and entry is not self._told:
            self.problems.append(f"{entry.shown or 'all of it'}: {entry.reason}")
            if not entry.path:
                self.problems.append(ROOT_ADVICE)
            self._told = entry
        if entry and change in WORK:
            self._work.append((known.id if known else None, entry))
            self._sealed_anew += known is not None and not known.gone
            if known and change is Change.OUTDATED and known.tags_version >= 0:
                self._retagged.add(known.id)
            if len(self._work) == self._batch_tracks:
                self._seal()
        elif known and change in self._lists:
            self._lists[change].append(known.id)

    def count_present(self, newest_batch: int) -> int:
        """Count the files that the root had before the scan, whose newest batch then was this."""
        self._seal()
        listed = roots.count_listed(self._session, self._root_id, newest_batch)
        return listed + self._sealed_anew

    def finish(self, confirm_removals: bool) -> None:
        """Seal the rest, and record the files that are gone and those that returned."""
        self._seal()
        if self._unchanged:
            self.changes[Change.NONE] += self._unchanged
            self.balance.music += self._unchanged
        self.gone += self.missing + (self.unseen if confirm_removals else [])
        library.mark_gone(self._session, self.gone)
        library.mark_returned(self._session, self._returned)

    def _seal(self) -> None:
        if not self._work:
            return
        key = library.seal(self._session, self._root_id, self._work, self._retagged)
        self.batches[key] = len(self._work)
        self._work, self._retagged = [], set()
