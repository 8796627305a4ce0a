"""The settings file: environment wins, and each mistake is named with the file and the key."""

from pathlib import Path

import pytest

from soundalike.errors import SettingsError
from soundalike.settings import Origin, Settings, load_settings, origin_of


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root that the environment names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("SOUNDALIKE_DATA", str(folder))
    return folder


def written(folder: Path, text: str) -> Path:
    file = folder / "soundalike.toml"
    file.write_text(text)
    return file


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings()
    return str(refused.value)


def test_the_file_in_the_data_root_is_read(data: Path) -> None:
    file = written(
        data,
        'model = "musicnn-msd"\nwindows = 3\nport = 8080\nlog_level = "DEBUG"\n'
        'extensions = ["mp3", ".FLAC"]\nlongest_seconds = inf\nasset_tags = {domain = "music"}\n',
    )
    settings = load_settings()
    assert (settings.model, settings.windows, settings.port) == ("musicnn-msd", 3, 8080)
    assert (settings.log_level, settings.asset_tags) == ("DEBUG", {"domain": "music"})
    assert settings.extensions == {"mp3", "flac"}
    assert origin_of(settings, "windows") == Origin("file", str(file))
    assert origin_of(settings, "log_level") == Origin("file", str(file))


def test_the_environment_wins_over_the_file(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(data, 'windows = 3\nport = 8080\nlog_level = "DEBUG"\n')
    monkeypatch.setenv("SOUNDALIKE_WINDOWS", "all")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    monkeypatch.setenv("SOUNDALIKE_PORT", "")  # an empty one is not set
    settings = load_settings()
    assert (settings.windows, settings.port, settings.log_level) == ("all", 8080, "ERROR")
    assert origin_of(settings, "windows") == Origin("environment", "SOUNDALIKE_WINDOWS")
    assert origin_of(settings, "port").source == "file"
    assert origin_of(settings, "model") == Origin("default")


def test_a_named_file_is_read_instead_and_may_name_the_data_root(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(data, "port = 1111\n")
    own = tmp_path / "own.toml"
    own.write_text('data = "elsewhere"\nmusic = ["songs", "/abs", "s3://b/m"]\n')
    monkeypatch.delenv("SOUNDALIKE_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SOUNDALIKE_CONFIG", "~/own.toml")
    settings = load_settings()
    assert settings.data == tmp_path / "elsewhere", "relative to the file"
    assert settings.music == (str(tmp_path / "songs"), "/abs", "s3://b/m")
    assert settings.port == 8000


def test_music_folders_in_one_text_are_relative_to_the_file_too(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    written(data, 'music = "songs:~/jazz:/abs:s3://b/m"\n')
    assert load_settings().music == (str(data / "songs"), "/home/ann/jazz", "/abs", "s3://b/m")


def test_a_data_root_that_is_an_argument_has_its_own_file(data: Path, tmp_path: Path) -> None:
    written(data, "port = 1111\n")
    written(tmp_path, "port = 2222\n")
    assert Settings(data=tmp_path).port == 2222


@pytest.mark.parametrize("root", ["not there", "a file"])
def test_a_data_root_that_is_none_yet_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("SOUNDALIKE_DATA", str(tmp_path / root))
    assert load_settings().data == tmp_path / root


def test_a_file_that_cannot_be_looked_at_is_not_taken_for_none(data: Path) -> None:
    (data / "soundalike.toml").symlink_to("soundalike.toml")
    assert f"{data / 'soundalike.toml'} cannot be read: Too many levels" in refusal()


def test_a_wrong_variable_is_named_though_the_file_has_its_key(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(data, "port = 8080\n")
    monkeypatch.setenv("SOUNDALIKE_PORT", "99999")
    assert refusal().startswith("SOUNDALIKE_PORT='99999': ")


PATHS = [name for name, field in Settings.model_fields.items() if "Path" in str(field.annotation)]


@pytest.mark.parametrize("key", PATHS)
def test_each_path_of_the_file_is_relative_to_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    assert set(PATHS) == {"data", "models", "uploads", "mert_path"}
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("SOUNDALIKE_CONFIG", str(tmp_path / "own.toml"))
    for written_as, meant in (("here", tmp_path / "here"), ("~/here", Path("/home/ann/here"))):
        (tmp_path / "own.toml").write_text(f'{key} = "{written_as}"')
        load_settings.cache_clear()
        assert getattr(load_settings(), key) == meant


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('modle = "musicnn-msd"', "`modle` is no setting; did you mean model?"),
        ('SOUNDALIKE_MODEL = "x"', "`SOUNDALIKE_MODEL` is no setting; did you mean model?"),
        ("[server]\nport = 1", "`server` is no setting"),
        ("port = 99999", ": port=99999: "),
        ('model = "vggish"', ": model='vggish': must be one of mert-v1-95m, mert-v1-330m"),
        ("extensions = 3", ": extensions=3: must be"),
        ("music = [1]", ": music=[1]: must be a list of texts"),
        ('models = "~no-such-user/x"', "x': there is no home directory of ~no-such-user"),
        ("index_kind = [1]", ": index_kind=[1]: "),
        ("port = ", "is no valid TOML"),
        ("port 8000", "is no valid TOML"),
        ('data = "/x"', "`data` cannot be set by the file in the data root itself"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(data: Path, text: str, named: str) -> None:
    file = written(data, text)
    message = refusal()
    assert message.startswith(str(file))
    assert named in message


def test_a_file_that_is_no_text_is_named(data: Path) -> None:
    (data / "soundalike.toml").write_bytes(b"\xff\xfe")
    assert "is not UTF-8 text" in refusal()


def test_a_folder_in_its_place_is_named(data: Path) -> None:
    (data / "soundalike.toml").mkdir()
    assert f"{data / 'soundalike.toml'} is a folder" in refusal()


def test_a_named_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_CONFIG", "/nowhere/own.toml")
    assert "SOUNDALIKE_CONFIG=/nowhere/own.toml: there is no such file" in refusal()


@pytest.mark.parametrize("secret", ["api_key", "database_url", "alert_url", "milvus_url"])
def test_secrets_that_others_can_read_are_refused(data: Path, secret: str) -> None:
    values = {
        "database_url": "postgresql://me:pw@h/d",
        "alert_url": "https://x.example/t",
        "milvus_url": "http://me:pw@milvus:19530",
    }
    file = written(data, f'{secret} = "{values.get(secret, "key")}"\n')
    file.chmod(0o644)
    message = refusal()
    assert f"holds {secret} and can be read by every user" in message
    assert f"chmod o-r '{file}'" in message
    file.chmod(0o640)
    assert origin_of(load_settings(), secret) == Origin("file", str(file))


@pytest.mark.parametrize(
    "wrong", ["me:token@milvus:19530", "token.db", "http://", "http://token@milvus/db/x"]
)
def test_a_wrong_url_of_milvus_is_not_shown(data: Path, wrong: str) -> None:
    written(data, f'milvus_url = "{wrong}"\n').chmod(0o600)
    message = refusal()
    assert "milvus_url=(hidden): must look like http://user:password@host:19530" in message
    assert "token" not in message


def test_a_wrong_secret_is_not_shown(data: Path) -> None:
    written(data, 'alert_url = "ftp://token@x"\n').chmod(0o600)
    message = refusal()
    assert "token" not in message
    assert "begins with https:// or http://" in message
