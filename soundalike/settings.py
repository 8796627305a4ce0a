"""The one settings object, read once from environment variables.

`ENVIRONMENT`, `DEBUG`, `LOG_LEVEL` and `DATABASE_URL` keep their plain names; all others begin with
`SOUNDALIKE_`. An invalid value stops the program at its start: `load_settings` turns pydantic's
report into one line a variable, with its name, its value and what is allowed.
"""

import ipaddress
import os
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from soundalike.errors import SettingsError

ModelName = Literal["mert-v1-95m", "mert-v1-330m", "musicnn-msd"]
Windows = Literal["balanced", "all"] | int
KindChoice = Literal["auto", "flat", "flat+rabitq", "ivf"]
MAX_WINDOWS = 1000
MUSIC_EXTENSIONS = frozenset(
    (
        *("mp3", "mp2", "aac", "m4a", "m4b", "mp4", "alac", "flac", "ogg", "oga", "opus", "spx"),
        *("wma", "asf", "wav", "wave", "w64", "aif", "aiff", "aifc", "caf", "au", "snd", "mka"),
        *("ape", "wv", "mpc", "mp+", "tta", "tak", "shn", "dsf", "dff", "ac3", "dts", "webm"),
    )
)


class Settings(BaseSettings):
    """All settings. Field names map to `SOUNDALIKE_<NAME>` unless aliased."""

    model_config = SettingsConfigDict(env_prefix="SOUNDALIKE_", env_ignore_empty=True, frozen=True)

    environment: Literal["development", "test", "production"] = Field(
        "production", validation_alias="ENVIRONMENT"
    )
    debug: bool = Field(False, validation_alias="DEBUG")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias="LOG_LEVEL"
    )
    database_url: str | None = Field(None, validation_alias="DATABASE_URL")

    music: Annotated[tuple[str, ...], NoDecode] = ()
    extensions: Annotated[frozenset[str], NoDecode] = MUSIC_EXTENSIONS
    shortest_seconds: float = Field(0.0, ge=0)
    longest_seconds: float = Field(float("inf"), gt=0)
    data: Path = platformdirs.user_data_path("soundalike")
    models: Path | None = None

    model: ModelName = "mert-v1-95m"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    mert_path: Path | None = None
    windows: Windows = "balanced"
    precision: Literal["auto", "float32"] = "auto"

    index_kind: KindChoice = "auto"

    batch_tracks: int = Field(256, ge=1, le=10_000)
    settle_seconds: float = Field(2.0, ge=0)
    scan_cron: str = "*/15 * * * *"
    timezone: str = "UTC"
    watch: bool = False

    batches_per_run: int = Field(16, ge=1, le=1000)
    publish_tracks: int = Field(20_000, ge=1)
    publish_minutes: float = Field(60.0, ge=0)

    prune_cron: str = "30 4 * * *"
    keep_indexes: int = Field(3, ge=0)
    keep_days: int = Field(30, ge=1)
    keep_run_days: int = Field(30, ge=1)

    alert_url: SecretStr | None = None
    owners: Annotated[tuple[str, ...], NoDecode] = ()
    asset_tags: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    code_url: str | None = None

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    dagster_port: int = Field(3000, ge=1, le=65535)
    workers: int = Field(2, ge=1, le=64)
    api_key: SecretStr | None = None

    @field_validator("music", mode="before")
    @classmethod
    def _split_folders(cls, value: object) -> object:
        """Split a list of folders, separated as in PATH (`:`), and buckets (`s3://...`)."""
        if not isinstance(value, str):
            return value
        return [part for part in re.split(rf"{os.pathsep}(?!//)", value) if part]

    @field_validator("extensions", mode="before")
    @classmethod
    def _split_extensions(cls, value: object) -> object:
        """Split a list of extensions: `mp3, .FLAC` is mp3 and flac."""
        if not isinstance(value, str):
            return value
        names = [part.strip().removeprefix(".").lower() for part in value.split(",")]
        if not all(re.fullmatch(r"[^\s./\\*?]+", name) for name in names):
            raise ValueError("must be extensions separated by commas, such as mp3,flac,ogg")
        return names

    @field_validator("owners", mode="before")
    @classmethod
    def _split_owners(cls, value: object) -> object:
        """Split a list of owners of the assets: `ann@example.org, team:music`."""
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]

    @field_validator("asset_tags", mode="before")
    @classmethod
    def _split_tags(cls, value: object) -> object:
        """Split a list of tags of the assets: `domain=music, tier=1`."""
        if not isinstance(value, str):
            return value
        pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
        return {name.strip(): text.strip() for name, _, text in pairs}

    @field_validator("longest_seconds")
    @classmethod
    def _more_than_shortest(cls, value: float, others: ValidationInfo) -> float:
        shortest = others.data.get("shortest_seconds", 0.0)
        if value <= shortest:
            raise ValueError(f"must be more than SOUNDALIKE_SHORTEST_SECONDS={shortest}")
        return value

    @field_validator("windows", mode="before")
    @classmethod
    def _count_or_word(cls, value: object) -> object:
        if value in ("balanced", "all"):
            return value
        try:
            count = int(str(value))
        except ValueError:
            count = 0
        if not 1 <= count <= MAX_WINDOWS:
            raise ValueError(f"must be `balanced`, `all`, or a number from 1 to {MAX_WINDOWS}")
        return count

    @field_validator("music")
    @classmethod
    def _absolute_folders(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name if "://" in name else str(_expanded(Path(name))) for name in value)

    @field_validator("data", "models", "mert_path")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value and _expanded(value)

    @field_validator("database_url")
    @classmethod
    def _postgres_only(cls, value: str | None) -> str | None:
        if not value:
            return None
        scheme, separator, rest = value.partition("://")
        if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
            raise ValueError("must look like postgresql://user:password@host:5432/database")
        return f"postgresql+psycopg://{rest}"

    @property
    def lowest_log_level(self) -> str:
        """The lowest level that is logged: DEBUG overrides LOG_LEVEL."""
        return "DEBUG" if self.debug else self.log_level

    @property
    def models_dir(self) -> Path:
        """The folder where fetched weights are cached."""
        return self.models or self.data / "models"


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # pydantic reports ValueErrors only
        raise ValueError(str(error)) from error


def _allowed(error: ValidationError) -> str:
    lines = []
    for issue in error.errors(include_url=False):
        field = str(issue["loc"][0])
        info = Settings.model_fields.get(field.lower())
        alias = info.validation_alias if info else None
        name = alias if isinstance(alias, str) else field
        plain = name if name in {"ENVIRONMENT", "DEBUG", "LOG_LEVEL", "DATABASE_URL"} else None
        variable = plain or f"SOUNDALIKE_{name.upper().removeprefix('SOUNDALIKE_')}"
        shown = "(hidden)" if plain == "DATABASE_URL" else repr(issue["input"])
        lines.append(f"{variable}={shown}: {issue['msg']}")
    return "\n".join(lines)


@cache
def load_settings() -> Settings:
    """Load the process's settings. Raises SettingsError naming each wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_allowed(error)) from error


def require_key_beyond_loopback(settings: Settings) -> None:
    """Require an API key if the service listens beyond loopback. Raises SettingsError."""
    if not settings.api_key and not _is_loopback(settings.host):
        raise SettingsError(
            f"SOUNDALIKE_HOST={settings.host!r} admits other machines, and SOUNDALIKE_API_KEY is "
            "not set: set a key, or SOUNDALIKE_HOST=127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
