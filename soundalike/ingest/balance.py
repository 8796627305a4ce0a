"""The balance of a scan: each file that was seen, in exactly one of its parts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from soundalike.catalog.coverage import FileOutcomes
from soundalike.sources.entry import Entry, EntryKind, LeftOut

SHOWN_EXTENSIONS = 6
MAX_EXTENSIONS = 1000  # of a listing, held apart


@dataclass
class Balance:
    """Counts of what the roots were found to hold.

    `left_out` and `folders` are by rule: files, and folders that were not looked into. `extensions`
    has the files whose extension is not one of music. `unseen` could not be read.
    """

    music: int = 0
    changing: int = 0
    unseen: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    folders: Counter[LeftOut] = field(default_factory=Counter)
    extensions: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count an entry of a listing."""
        is_folder = not entry.path or entry.path.endswith(b"/")
        if entry.kind is EntryKind.MUSIC:
            self.music += 1
        elif entry.kind is EntryKind.CHANGING:
            self.changing += 1
        elif entry.kind is EntryKind.UNSEEN:
            self.unseen += not is_folder
        elif entry.rule:
            (self.folders if is_folder else self.left_out)[entry.rule] += 1
            if entry.rule is LeftOut.EXTENSION:
                self._add_extension(entry)

    def __iadd__(self, other: "Balance") -> "Balance":
        """Add another root's counts."""
        self.music += other.music
        self.changing += other.changing
        self.unseen += other.unseen
        self.left_out += other.left_out
        self.folders += other.folders
        self.extensions += other.extensions
        return self

    @property
    def files(self) -> int:
        """The number of files that were seen."""
        return self.music + self.changing + self.unseen + self.left_out.total()

    def lines(self, outcomes: FileOutcomes) -> Iterator[str]:
        """Yield the balance as sentences; `outcomes` are those of the listed music files."""
        # Known files that this scan did not see as music may have an outcome too.
        failed = min(outcomes.failed, self.music)
        wrong_length = min(outcomes.wrong_length, self.music - failed)
        waiting = min(outcomes.waiting, self.music - failed - wrong_length)
        parts = [
            (self.music - failed - wrong_length - waiting, "music"),
            (failed, "failed"),
            (wrong_length, "too short or too long"),
            (waiting, "not read yet"),
            (self.changing, "still being written"),
            (self.unseen, "unreadable"),
            (self.left_out[LeftOut.HIDDEN], "hidden"),
            (self.left_out[LeftOut.IGNORED], "ignored"),
            (self.left_out[LeftOut.SHEET], "CUE sheets"),
            (self.left_out[LeftOut.EXTENSION], f"of other extensions{self._by_extension()}"),
        ]
        told = " + ".join(f"{number} {name}" for number, name in parts if number)
        yield f"files seen: {self.files}" + (f" = {told}" if told else "")
        if self.folders:
            rules = " + ".join(
                f"{self.folders[rule]} {rule.value}" for rule in LeftOut if self.folders[rule]
            )
            yield f"folders not looked into: {self.folders.total()} = {rules}"
        if self.left_out[LeftOut.SHEET]:
            yield "an album in one file with a CUE sheet is heard as one track"
        if self.left_out or self.folders:
            yield (
                "`soundalike files --left-out` lists what is left out; SOUNDALIKE_EXTENSIONS and "
                ".soundalikeignore decide (`!/.name/` takes a hidden one)"
            )

    def _add_extension(self, entry: Entry) -> None:
        extension = PurePosixPath(entry.shown).suffix.lower() or "none"
        if extension in self.extensions or len(self.extensions) < MAX_EXTENSIONS:
            self.extensions[extension] += 1

    def _by_extension(self) -> str:
        most = sorted(self.extensions.items(), key=lambda item: (-item[1], item[0]))
        named = [f"{extension} {number}" for extension, number in most[:SHOWN_EXTENSIONS]]
        if len(self.extensions) > SHOWN_EXTENSIONS:
            named.append("...")
        return f" ({', '.join(named)})"
