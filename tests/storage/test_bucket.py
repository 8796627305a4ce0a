"""The bucket of artifacts, on a real S3 server: whole objects, put once; errors that name it."""

from pathlib import Path

import pytest
from botocore.client import BaseClient

from soundalike.errors import BucketError, MissingObject
from soundalike.settings import Settings
from soundalike.storage import bucket as module
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore


def keys(s3: BaseClient) -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket="music").get("Contents", [])]


def test_objects_are_below_the_url_and_nowhere_else(s3: BaseClient, bucket: Bucket) -> None:
    prefix = bucket.url.removeprefix("s3://music/")
    s3.put_object(Bucket="music", Key=f"{prefix}-two/a", Body=b"another's")
    bucket.put_new("segments/a", b"one")
    assert f"{prefix}/segments/a" in keys(s3)
    assert [(found.key, found.size) for found in bucket.listed()] == [("segments/a", 3)]
    assert [found.key for found in bucket.listed("indexes/")] == []
    assert bucket.read("segments/a") == b"one"


def test_the_second_to_put_an_object_changes_nothing(bucket: Bucket) -> None:
    assert bucket.put_new("a", b"first")
    assert not bucket.put_new("a", b"second")
    assert bucket.read("a") == b"first"


def test_a_file_of_several_parts_comes_back_in_blocks(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 10**6)
    content = bytes(range(256)) * 43_000  # 11 MB: three of obstore's parts, three blocks
    (tmp_path / "file").write_bytes(content)
    bucket.put("big", tmp_path / "file")
    blocks = list(bucket.blocks("big"))
    assert [len(block) for block in blocks] == [4_000_000, 4_000_000, len(content) - 8_000_000]
    assert b"".join(blocks) == content
    assert bucket.size("big") == len(content)


def test_an_empty_file_is_an_object_too(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    bucket.put("empty", tmp_path / "file")
    assert (bucket.size("empty"), list(bucket.blocks("empty"))) == (0, [])


def test_what_is_not_there_is_told_from_what_does_not_answer(bucket: Bucket) -> None:
    assert not bucket.exists("nothing")
    with pytest.raises(MissingObject, match=bucket.url):
        bucket.read("nothing")


def test_removing_what_is_gone_is_no_error(bucket: Bucket) -> None:
    bucket.put_new("a", b"x")
    bucket.remove(["a", "never there"])
    bucket.remove([])
    assert bucket.listed() == []


def test_a_bucket_that_does_not_exist_is_no_empty_one(s3: BaseClient) -> None:
    with pytest.raises(BucketError, match=r"404 Not Found"):
        Bucket("s3://nowhere-at-all").listed()


def test_an_endpoint_that_does_not_answer_is_named_with_what_to_do(
    s3: BaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(BucketError, match="the bucket s3://music cannot be read") as away:
        Bucket("s3://music").exists("a")
    assert "AWS_ENDPOINT_URL" in str(away.value)
    assert not isinstance(away.value, MissingObject)


def test_without_credentials_the_error_says_so(
    s3: BaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(BucketError, match="no credentials were found"):
        Bucket("s3://music").put_new("a", b"x")


def test_a_profile_leads_to_the_same_bucket(
    s3: BaseClient, s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS's own tools have keys, region and endpoint in a profile of the configuration."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    file = tmp_path / "config"
    lines = ("aws_access_key_id=a", "aws_secret_access_key=b", f"endpoint_url={s3_server}")
    file.write_text("\n".join(("[profile home]", "region=eu-central-1", *lines)))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "home")
    Bucket("s3://music").put_new("by-profile", b"x")
    assert "by-profile" in keys(s3)


def test_without_the_setting_there_is_no_bucket(tmp_path: Path) -> None:
    assert ArtifactStore.of(Settings(data=tmp_path)) == ArtifactStore(tmp_path)
    assert ArtifactStore.of(Settings(data=tmp_path)).bucket is None
