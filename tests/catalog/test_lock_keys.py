"""Two locks with one key would wait for each other, or be taken for one another."""

from soundalike.catalog import lock_keys
from soundalike.catalog.batch_summaries import outdated, settle
from soundalike.catalog.engine import Sessions
from soundalike.catalog.outside_locks import milvus_lock
from soundalike.catalog.tables import BatchRow
from tests.source import REPOSITORY

KEYS = {name: value for name, value in vars(lock_keys).items() if name.endswith("_LOCK")}


def test_each_lock_has_a_key_of_its_own() -> None:
    assert len(KEYS) > 5
    assert len(set(KEYS.values())) == len(KEYS)


def test_no_module_makes_up_a_key_for_itself() -> None:
    sources = [
        path
        for package in ("pipelines", "serving", "soundalike")
        for path in (REPOSITORY / package).rglob("*.py")
        if "5_011_850" in path.read_text()
    ]
    assert [path.name for path in sources] == ["lock_keys.py"]


def test_summaries_are_settled_while_a_version_is_written_into_milvus(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.add(BatchRow(id=1))
    with milvus_lock(sessions):
        settle(sessions)
        with sessions() as session:
            assert outdated(session) == []
