"""A secret may lie in a file that a variable names, and no message shows what is in it."""

from pathlib import Path

import pytest

from soundalike.errors import SettingsError
from soundalike.settings import Origin, load_settings, origin_of
from soundalike.settings.names import SECRETS, file_variable

URL = "postgresql://me:s3cret@host/db"


def secret(monkeypatch: pytest.MonkeyPatch, variable: str, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    monkeypatch.setenv(variable, str(file))


def test_every_secret_may_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hook = b"https://hooks.example/secret\n"
    secret(monkeypatch, "DATABASE_URL_FILE", tmp_path / "url", f"{URL}\n".encode())
    secret(monkeypatch, "SOUNDALIKE_API_KEY_FILE", tmp_path / "key", b"k3y")
    secret(monkeypatch, "SOUNDALIKE_ALERT_URL_FILE", tmp_path / "alert", hook)
    secret(monkeypatch, "SOUNDALIKE_MILVUS_URL_FILE", tmp_path / "milvus", b"http://a:b@m:19530")
    settings = load_settings()
    assert settings.milvus_url
    assert settings.milvus_url.get_secret_value() == "http://a:b@m:19530"
    assert settings.database_url == URL.replace("://", "+psycopg://")
    assert settings.api_key
    assert settings.api_key.get_secret_value() == "k3y"
    assert settings.alert_url
    assert settings.alert_url.get_secret_value() == "https://hooks.example/secret"
    for name in SECRETS:
        assert origin_of(settings, name) == Origin("environment", file_variable(name))


def test_a_variable_that_is_set_itself_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Child processes are told the URL, and inherit the variable that names the file."""
    secret(monkeypatch, "DATABASE_URL_FILE", tmp_path / "url", URL.encode())
    monkeypatch.setenv("DATABASE_URL", "postgresql://other/db")
    settings = load_settings()
    assert settings.database_url == "postgresql+psycopg://other/db"
    assert origin_of(settings, "database_url") == Origin("environment", "DATABASE_URL")


def test_a_file_of_a_secret_wins_over_the_settings_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOUNDALIKE_DATA", str(tmp_path))
    toml = tmp_path / "soundalike.toml"
    toml.write_text('api_key = "old"\n')
    toml.chmod(0o600)
    secret(monkeypatch, "SOUNDALIKE_API_KEY_FILE", tmp_path / "key", b"new\n")
    key = load_settings().api_key
    assert key
    assert key.get_secret_value() == "new"


def test_a_file_may_be_in_the_home_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("k3y")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SOUNDALIKE_API_KEY_FILE", "~/key")
    key = load_settings().api_key
    assert key
    assert key.get_secret_value() == "k3y"
    monkeypatch.setenv("SOUNDALIKE_API_KEY_FILE", "~no-such-user/key")
    load_settings.cache_clear()
    with pytest.raises(SettingsError, match="_FILE=~no-such-user/key: there is no home directory"):
        load_settings()


def test_an_empty_file_sets_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret(monkeypatch, "SOUNDALIKE_ALERT_URL_FILE", tmp_path / "alert", b"\n")
    assert load_settings().alert_url is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"mysql://me:s3cret@host/db", "must look like postgresql://"),
        (b"s3cret\ns3cret", "the secret alone, in one line"),
        (b"s3cret\xff", "not UTF-8"),
    ],
)
def test_a_wrong_file_is_named_and_its_content_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "url"
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "DATABASE_URL_FILE" in str(refused.value)
    assert message in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_only_secrets_have_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOUNDALIKE_MODEL_FILE", str(tmp_path))
    with pytest.raises(SettingsError, match="SOUNDALIKE_MODEL_FILE is no setting"):
        load_settings()
