"""Errors a user can act on. Each says what happened, to what, and what to do next."""


class SoundalikeError(Exception):
    """The base of every expected error; `str(error)` is the message shown to users."""


class SettingsError(SoundalikeError):
    """A setting has a value that cannot be used."""


class PostgresError(SoundalikeError):
    """The catalog's PostgreSQL cannot be started or reached."""


class LockLost(SoundalikeError):
    """Another process took a lock over from this one, which was cut off from PostgreSQL."""


class AudioError(SoundalikeError):
    """One file or track cannot be used. `code` is stable and meant for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WeightsError(SoundalikeError):
    """A model's weights cannot be fetched, or are not the ones expected."""


class PluginError(SoundalikeError):
    """A model of an installed package cannot be used; the built-in ones can."""


class LowMemory(SoundalikeError):
    """There is less memory than a model needs."""


class SpaceMismatch(SoundalikeError):
    """Vectors of two embedding spaces cannot be combined."""


class ArtifactError(SoundalikeError):
    """A stored artifact is missing, damaged or not what its manifest says."""


class UnreadableArtifact(ArtifactError):
    """A stored artifact may be whole, but this process cannot read it now."""


class StorageError(SoundalikeError):
    """The data root cannot be written: its disk is full, or read-only."""


class BucketError(SoundalikeError):
    """The bucket of artifacts does not answer, or refuses."""


class MissingObject(BucketError):
    """The bucket of artifacts has no such object."""


class MilvusError(SoundalikeError):
    """Milvus does not answer, refuses, or lacks what it should have."""


class MissingCollection(MilvusError):
    """Milvus has no collection of an index version."""


class UnsupportedSearch(SoundalikeError):
    """The query is of a kind that what is searched cannot answer; the message says which."""


class BackupError(SoundalikeError):
    """A backup cannot be written, or is not whole, or must not be restored here."""


class ExportError(SoundalikeError):
    """An export cannot be written to where it was asked for."""


class LibraryError(SoundalikeError):
    """A music root cannot be listed, or holds nothing to ingest."""


class NothingIngested(LibraryError):
    """There is no library yet, where a command works on one."""


class WorkAbandoned(SoundalikeError):
    """A result is not computed further: nobody waits for it any more."""


def in_one_line(error: BaseException) -> str:
    """Return the first line of what an error says; the name of its kind if it says nothing."""
    return str(error).partition("\n")[0] or type(error).__name__
