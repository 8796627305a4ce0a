"""A wrong setting stops the program with the variable, its value and what is allowed."""

from pathlib import Path
from typing import get_args

import pytest
from dagster._core.definitions.utils import is_valid_owner
from dagster._utils.schedules import is_valid_cron_schedule
from dagster._utils.tags import is_valid_tag_key

from soundalike.audio.tags.rules import TagRules
from soundalike.environment import child_environment
from soundalike.errors import SettingsError
from soundalike.settings import (
    KindChoice,
    Origin,
    Settings,
    is_loopback,
    load_settings,
    origin_of,
)
from soundalike.vectors.kinds import CURRENT_KINDS


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("ENVIRONMENT", "staging", "'development', 'test' or 'production'"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("DEBUG", "perhaps", "boolean"),
        ("SOUNDALIKE_MODEL", "vggish", "must be one of mert-v1-95m, "),
        ("SOUNDALIKE_DEVICE", "tpu", "'auto'"),
        ("SOUNDALIKE_WINDOWS", "many", "`balanced`, `all`, or a number from 1 to 1000"),
        ("SOUNDALIKE_WINDOWS", "0", "from 1 to 1000"),
        ("SOUNDALIKE_WINDOWS", "1001", "from 1 to 1000"),
        ("SOUNDALIKE_TAG_ENCODING", "klingon", "`auto`, or an encoding such as cp1251"),
        ("SOUNDALIKE_TAG_ENCODING", "hex", "`auto`, or an encoding such as cp1251"),
        ("SOUNDALIKE_PRECISION", "half", "'auto' or 'float32'"),
        ("SOUNDALIKE_PORT", "99999", "65535"),
        ("SOUNDALIKE_RATE_LIMIT", "600", "such as 10/second or 600/minute"),
        ("SOUNDALIKE_RATE_LIMIT", "0/minute", "such as 10/second or 600/minute"),
        ("SOUNDALIKE_RATE_LIMIT", "600/minutes", "such as 10/second or 600/minute"),
        ("SOUNDALIKE_BATCH_TRACKS", "0", "greater than or equal to 1"),
        ("SOUNDALIKE_SCAN_CRON", "often", "a cron expression of five fields"),
        ("SOUNDALIKE_SCAN_CRON", "0 */15 * * * *", "a cron expression of five fields"),
        ("SOUNDALIKE_SCAN_CRON", "61 * * * *", "Bad minute"),
        ("SOUNDALIKE_PRUNE_CRON", "0 0 30 2 *", "Bad day-of-month"),
        ("SOUNDALIKE_PRUNE_CRON", "0 0 LW * *", "a cron expression of five fields"),
        ("SOUNDALIKE_PRUNE_CRON", "0 0 */31 * MON#5", "it never comes true"),
        ("SOUNDALIKE_TIMEZONE", "Europe/Berln", "did you mean Europe/Berlin?"),
        ("SOUNDALIKE_OWNERS", "ann", "'ann' must be an e-mail address"),
        ("SOUNDALIKE_OWNERS", "ann@example.org/x", "'ann@example.org/x' must be an e-mail address"),
        ("SOUNDALIKE_OWNERS", "team:", "must be an e-mail address, or a team"),
        ("SOUNDALIKE_ASSET_TAGS", "domain", "must be pairs such as domain=music"),
        ("SOUNDALIKE_ASSET_TAGS", "a b=c", "must be pairs such as domain=music"),
        ("SOUNDALIKE_ASSET_TAGS", "a=b c", "must be pairs such as domain=music"),
        ("SOUNDALIKE_ARTIFACTS", "/mnt/shelf", "must look like s3://bucket or s3://bucket/prefix"),
        ("SOUNDALIKE_ARTIFACTS", "gs://shelf", "must look like s3://bucket or s3://bucket/prefix"),
        ("SOUNDALIKE_ARTIFACTS", "s3:///prefix", "must look like s3://bucket"),
        ("SOUNDALIKE_ARTIFACTS", "s3://shelf/a?b", "must look like s3://bucket"),
        ("SOUNDALIKE_CACHE_GIGABYTES", "0", "greater than 0"),
        ("SOUNDALIKE_KEEP_AUDIO", "bucket", "needs SOUNDALIKE_ARTIFACTS"),
        ("SOUNDALIKE_KEEP_AUDIO", "cloud", "'disk', 'bucket' or 'none'"),
        ("SOUNDALIKE_SEARCH", "milvus", "needs SOUNDALIKE_MILVUS_URL"),
        ("SOUNDALIKE_SEARCH", "vespa", "'local' or 'milvus'"),
        ("SOUNDALIKE_CODE_URL", "github.com/x", "begins with https:// or http://"),
        ("SOUNDALIKE_CODE_URL", "https:///x", "begins with https:// or http://"),
        ("SOUNDALIKE_DATA", "~no-such-user/x", "there is no home directory of ~no-such-user"),
        ("SOUNDALIKE_MUSIC", "~no-such-user/x", "there is no home directory of ~no-such-user"),
        ("SOUNDALIKE_CONFIG", "~no-such-user/x", "there is no home directory of ~no-such-user"),
    ],
)
def test_a_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    [line] = str(caught.value).splitlines()
    assert line.startswith(f"{variable}=")
    assert value in line
    assert allowed in str(caught.value)


@pytest.mark.parametrize(
    ("value", "meant"),
    [(";", (";",)), ("; / |", (";", "/", "|")), (" ;  / ", (";", "/")), ("none", ())],
)
def test_separators_of_genres_are_taken_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, value: str, meant: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SOUNDALIKE_GENRE_SEPARATORS", value)
    monkeypatch.setenv("SOUNDALIKE_TAG_ENCODING", "CP1251")
    assert TagRules.of(load_settings()) == TagRules("cp1251", meant)


def test_the_rules_of_tags_are_the_settings_defaults() -> None:
    assert TagRules.of(Settings()) == TagRules()


@pytest.mark.parametrize(
    ("value", "meant"),
    [("all", "all"), ("balanced", "balanced"), ("1", 1), ("12", 12), ("1000", 1000)],
)
def test_windows_are_a_word_or_a_number(
    monkeypatch: pytest.MonkeyPatch, value: str, meant: str | int
) -> None:
    monkeypatch.setenv("SOUNDALIKE_WINDOWS", value)
    assert load_settings().windows == meant


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "x")
    monkeypatch.setenv("SOUNDALIKE_WORKERS", "0")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert len(str(caught.value).splitlines()) == 2


def test_another_database_than_postgres_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:secret@host/db")
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        load_settings()
    assert "secret" not in str(caught.value)
    assert "postgresql://" in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_any_spelling_of_postgres_means_psycopg(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://me@host/db")
    assert load_settings().database_url == "postgresql+psycopg://me@host/db"


def test_several_music_folders_are_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_MUSIC", "/a/b:~/c")
    assert load_settings().music == ("/a/b", str(Path.home() / "c"))


def test_buckets_may_stand_among_the_music_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_MUSIC", "/a:s3://bucket/music:s3://other")
    assert load_settings().music == ("/a", "s3://bucket/music", "s3://other")


def test_a_bucket_of_artifacts_is_a_url_with_or_without_a_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings().artifacts is None
    for value in ("s3://shelf", "s3://shelf/", "s3://shelf/of/ours", "s3://shelf/of/ours/"):
        monkeypatch.setenv("SOUNDALIKE_ARTIFACTS", value)
        load_settings.cache_clear()
        assert load_settings().artifacts == value.rstrip("/")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SOUNDALIKE_EXTENSIONS", "mp3,,flac", "extensions separated by commas"),
        ("SOUNDALIKE_EXTENSIONS", "*.mp3", "extensions separated by commas"),
        ("SOUNDALIKE_LONGEST_SECONDS", "20", "more than SOUNDALIKE_SHORTEST_SECONDS=30.0"),
    ],
)
def test_rules_that_make_no_sense_are_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv("SOUNDALIKE_SHORTEST_SECONDS", "30")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message) as refused:
        load_settings()
    assert variable in str(refused.value)


def test_extensions_are_taken_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_EXTENSIONS", "mp3, .FLAC")
    assert load_settings().extensions == {"mp3", "flac"}


def test_each_kind_of_index_can_be_chosen() -> None:
    assert set(get_args(KindChoice)) == {"auto", *CURRENT_KINDS}


@pytest.mark.parametrize("former", ["flat+rabitq", "ivf"])
def test_a_kind_of_a_former_release_stands_for_todays(
    former: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_INDEX_KIND", former)
    assert load_settings().index_kind == "flat+pq"


def test_what_is_no_kind_of_index_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_INDEX_KIND", "hnsw")
    with pytest.raises(SettingsError, match="SOUNDALIKE_INDEX_KIND"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("SOUNDALIKE_WINDOW", "did you mean SOUNDALIKE_WINDOWS?"),
        ("SOUNDALIKE_MODEL_NAME", "is no setting of soundalike"),
        ("SOUNDALIKE_SCAN_MINUTES", "it is SOUNDALIKE_SCAN_CRON now"),
    ],
)
def test_an_unknown_variable_is_named_and_not_ignored(
    monkeypatch: pytest.MonkeyPatch, variable: str, named: str
) -> None:
    monkeypatch.setenv(variable, "5")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(variable)
    assert named in str(caught.value)


def test_all_unknown_variables_are_named_at_once_however_they_are_spelt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("soundalike_window", "5")
    monkeypatch.setenv("SOUNDALIKE_HOSTNAME", "x")
    monkeypatch.setenv("SOUNDALIKE_WORKER", "")  # an empty one is not set
    with pytest.raises(SettingsError) as caught:
        load_settings()
    named = [line.partition(" ")[0] for line in str(caught.value).splitlines()]
    assert named == ["SOUNDALIKE_HOSTNAME", "soundalike_window"]


def test_a_variable_is_read_in_lower_case_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("soundalike_windows", "3")
    settings = load_settings()
    assert settings.windows == 3
    assert origin_of(settings, "windows") == Origin("environment", "soundalike_windows")


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_PORT", "9000")
    assert Settings(port=8080).port == 8080
    monkeypatch.delenv("SOUNDALIKE_PORT")
    assert origin_of(Settings(port=8080), "port") == Origin("argument")


def test_debugging_logs_everything_whatever_the_level() -> None:
    assert Settings(DEBUG=True, LOG_LEVEL="ERROR").lowest_log_level == "DEBUG"
    assert Settings(DEBUG=False, LOG_LEVEL="ERROR").lowest_log_level == "ERROR"


def test_what_our_processes_tell_their_children_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = child_environment(Settings(data=tmp_path), "postgresql+psycopg://me@h/d")
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert load_settings().data == tmp_path
    assert "SOUNDALIKE_DAGSTER_URL" in told


def test_children_find_the_settings_file_from_another_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text("port = 8080\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOUNDALIKE_CONFIG", "own.toml")
    told = child_environment(load_settings(), "postgresql+psycopg://me@h/d")
    assert told["SOUNDALIKE_CONFIG"] == str(tmp_path / "own.toml")


@pytest.mark.parametrize("cron", ["*/15 * * * *", "0 4 * * MON-FRI", "30 3 1 */2 *", "0 0 L * *"])
def test_a_cron_expression_that_is_taken_is_one_for_dagster(
    monkeypatch: pytest.MonkeyPatch, cron: str
) -> None:
    monkeypatch.setenv("SOUNDALIKE_SCAN_CRON", cron)
    assert is_valid_cron_schedule(load_settings().scan_cron)


def test_owners_and_tags_are_taken_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_OWNERS", "ann@example.org, team:music")
    monkeypatch.setenv("SOUNDALIKE_ASSET_TAGS", "domain=music, tier=1")
    settings = load_settings()
    assert settings.owners == ("ann@example.org", "team:music")
    assert settings.asset_tags == {"domain": "music", "tier": "1"}
    assert all(map(is_valid_owner, settings.owners))
    assert is_valid_tag_key("domain")


def test_following_the_library_sets_nothing_in_the_process() -> None:
    mine = Settings(port=8080, LOG_LEVEL="DEBUG")
    followed = mine.following({"windows": 3})
    assert followed.model_dump() == mine.model_dump() | {"windows": 3}
    assert followed.model_fields_set == mine.model_fields_set == {"port", "log_level"}


@pytest.mark.parametrize(("longest", "is_taken"), [("5", False), ("4.9", False), ("5.1", True)])
def test_the_longest_track_is_longer_than_the_shortest(
    monkeypatch: pytest.MonkeyPatch, longest: str, is_taken: bool
) -> None:
    monkeypatch.setenv("SOUNDALIKE_SHORTEST_SECONDS", "5")
    monkeypatch.setenv("SOUNDALIKE_LONGEST_SECONDS", longest)
    if is_taken:
        assert load_settings().longest_seconds == 5.1
    else:
        with pytest.raises(SettingsError, match="SOUNDALIKE_SHORTEST_SECONDS=5"):
            load_settings()


def test_by_default_only_this_machine_connects_and_is_believed() -> None:
    settings = Settings()
    assert is_loopback(settings.host)
    assert settings.trusted_proxies
    assert all(map(is_loopback, settings.trusted_proxies))
    assert (settings.hosts, settings.cors_origins) == ((), ())


LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"]
BEYOND = ["localhost.evil.example", "127.0.0.1.nip.io", "", "0.0.0.0", "::", "::ffff:10.0.0.1"]


def test_loopback_is_told_from_what_looks_like_it() -> None:
    assert [host for host in LOOPBACK if not is_loopback(host)] == []
    assert [host for host in BEYOND if is_loopback(host)] == []
