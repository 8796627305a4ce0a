"""`verify` and `doctor` tell what is wrong with the bucket; without one they ask nothing."""

import pytest
from typer.testing import CliRunner, Result

from soundalike.catalog import library_settings
from soundalike.catalog.engine import Sessions
from soundalike.cli import app
from soundalike.cli.doctor.artifacts import bucket as bucket_findings
from soundalike.cli.doctor.findings import Examined
from soundalike.errors import BucketError
from soundalike.maintenance.bucket_check import check_bucket, repair_bucket
from soundalike.settings import Settings, load_settings
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from tests.serving.collection import SPACE, Collection, numbered


@pytest.fixture
def published(
    sessions: Sessions,
    store: ArtifactStore,
    database_url: str,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> Collection:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SOUNDALIKE_DATA", str(store.root))
    monkeypatch.setenv("SOUNDALIKE_ARTIFACTS", bucket.url)
    monkeypatch.setenv("COLUMNS", "300")
    load_settings.cache_clear()
    with sessions.begin() as session:
        library_settings.write(session, load_settings(), SPACE.key)
    collection = Collection(sessions, ArtifactStore(store.root, bucket))
    collection.add(*numbered(3))
    collection.publish()
    load = check_bucket(sessions, collection.store, bucket, read=False)
    repair_bucket(sessions, collection.store, bucket, load)  # its vectors, which it did not embed
    return collection


def soundalike(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_verify_compares_the_bucket_and_mends_it(published: Collection, bucket: Bucket) -> None:
    ended = soundalike("verify", "--bucket")
    assert "the bucket: all of it is whole" in ended.output
    key = next(found.key for found in bucket.listed("segments/") if "index" in found.key)
    bucket.remove([key])
    ended = soundalike("verify")
    assert f"{bucket.url}/{key} missing" in ended.output
    assert "1 object lost or damaged; --repair mends it" in ended.output
    assert ended.exit_code == 1
    assert "1 object put again" in soundalike("verify", "--repair").output
    assert "the bucket: all of it is there" in soundalike("verify").output


def test_verify_of_a_data_root_alone_says_nothing_of_a_bucket(
    published: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOUNDALIKE_ARTIFACTS")
    load_settings.cache_clear()
    assert "the bucket" not in soundalike("verify").output


def test_doctor_says_that_the_bucket_can_be_written_and_leaves_nothing(bucket: Bucket) -> None:
    [finding] = bucket_findings(Examined(Settings(artifacts=bucket.url)))
    assert finding.state == f"{bucket.url} can be read and written"
    assert finding.advice == ""
    assert bucket.listed() == []


def test_doctor_names_a_bucket_that_does_not_answer(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(BucketError, match="cannot be listed"):  # which doctor shows as a problem
        list(bucket_findings(Examined(Settings(artifacts=bucket.url))))


def test_doctor_asks_nothing_without_a_bucket() -> None:
    assert list(bucket_findings(Examined(Settings()))) == []
