"""The fields of the settings: name, bounds and default of each.

A field is read from the environment variable `SOUNDALIKE_<NAME>`, or from the key `<name>` of the
settings file; `ENVIRONMENT`, `DEBUG`, `LOG_LEVEL` and `DATABASE_URL` keep their plain names.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from soundalike.settings import values
from soundalike.settings.file import SettingsFile, default_data
from soundalike.settings.model_names import known_model
from soundalike.settings.secret_files import SecretFiles
from soundalike.settings.values import GENRE_SEPARATORS, MUSIC_EXTENSIONS

ModelName = Annotated[str, AfterValidator(known_model)]
Windows = Literal["balanced", "all"] | int
KindChoice = Literal["auto", "flat", "flat+pq"]
SearchEngine = Literal["local", "milvus"]
AudioPlace = Literal["disk", "bucket", "none"]
Cron = Annotated[str, AfterValidator(values.cron)]
AbsolutePath = Annotated[Path, AfterValidator(values.absolute)]
Roots = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.music_roots)]
Extensions = Annotated[frozenset[str], NoDecode, BeforeValidator(values.extensions)]
TagEncoding = Annotated[str, BeforeValidator(values.tag_encoding)]
Separators = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.genre_separators)]
Owner = Annotated[str, AfterValidator(values.owner)]
Owners = Annotated[tuple[Owner, ...], NoDecode, BeforeValidator(values.listed)]
AssetTags = Annotated[dict[str, str], NoDecode, BeforeValidator(values.asset_tags)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.listed)]
RateLimit = Annotated[str, AfterValidator(values.rate_limit)]
BucketUrl = Annotated[str, AfterValidator(values.bucket_url)]
WebAddress = Annotated[str, AfterValidator(values.web_address)]


class Settings(BaseSettings):
    """All settings of a process."""

    model_config = SettingsConfigDict(env_prefix="SOUNDALIKE_", env_ignore_empty=True, frozen=True)

    environment: Literal["development", "test", "production"] = Field(
        "production", validation_alias="ENVIRONMENT"
    )
    debug: bool = Field(False, validation_alias="DEBUG")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias="LOG_LEVEL"
    )
    database_url: str | None = Field(None, validation_alias="DATABASE_URL")

    music: Roots = ()
    extensions: Extensions = MUSIC_EXTENSIONS
    shortest_seconds: float = Field(0.0, ge=0)
    longest_seconds: float = Field(float("inf"), gt=0)
    tag_encoding: TagEncoding = "auto"
    genre_separators: Separators = GENRE_SEPARATORS
    data: AbsolutePath = Field(default_factory=default_data)
    models: AbsolutePath | None = None
    uploads: AbsolutePath | None = None
    artifacts: BucketUrl | None = None
    cache_gigabytes: float = Field(50.0, gt=0)
    keep_audio: AudioPlace = "disk"

    model: ModelName = "mert-v1-95m"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    mert_path: AbsolutePath | None = None
    windows: Annotated[Windows, BeforeValidator(values.windows)] = "balanced"
    precision: Literal["auto", "float32"] = "auto"

    index_kind: Annotated[KindChoice, BeforeValidator(values.current_kind)] = "auto"
    milvus_url: SecretStr | None = None
    search: SearchEngine = "local"

    batch_tracks: int = Field(256, ge=1, le=10_000)
    settle_seconds: float = Field(2.0, ge=0)
    scan_cron: Cron = "*/15 * * * *"
    timezone: Annotated[str, AfterValidator(values.timezone)] = "UTC"
    watch: bool = True

    batches_per_run: int = Field(16, ge=1, le=1000)
    decode_cpus: int = Field(1, ge=1)
    embed_cpus: int = Field(1, ge=1)
    embed_gpus: float = Field(0.0, ge=0)
    publish_tracks: int = Field(20_000, ge=1)
    publish_minutes: float = Field(60.0, ge=0)

    prune_cron: Cron = "30 4 * * *"
    keep_indexes: int = Field(3, ge=0)
    keep_days: int = Field(30, ge=1)
    keep_run_days: int = Field(30, ge=1)

    alert_url: SecretStr | None = None
    owners: Owners = ()
    asset_tags: AssetTags = Field(default_factory=dict)
    code_url: WebAddress | None = None

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    dagster_port: int = Field(3000, ge=1, le=65535)
    trusted_proxies: Names = ("127.0.0.1", "::1")
    hosts: Names = ()
    cors_origins: Names = ()
    show_paths: Literal["auto", "always", "never"] = "auto"
    workers: int = Field(2, ge=1, le=64)
    api_key: SecretStr | None = None
    rate_limit: RateLimit | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, first wins: arguments, variables, files of secrets, the file."""
        arguments = (
            init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        )
        file = SettingsFile(settings_cls, arguments.get("data"))
        return init_settings, env_settings, SecretFiles(settings_cls), file

    @field_validator("longest_seconds")
    @classmethod
    def _more_than_shortest(cls, value: float, others: ValidationInfo) -> float:
        shortest = others.data.get("shortest_seconds", 0.0)
        if value <= shortest:
            raise ValueError(f"must be more than SOUNDALIKE_SHORTEST_SECONDS={shortest}")
        return value

    @field_validator("keep_audio")
    @classmethod
    def _has_bucket(cls, value: AudioPlace, others: ValidationInfo) -> AudioPlace:
        if value == "bucket" and not others.data.get("artifacts"):
            raise ValueError("needs SOUNDALIKE_ARTIFACTS, the bucket to keep it in")
        return value

    @field_validator("milvus_url")
    @classmethod
    def _milvus(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            values.milvus_url(value.get_secret_value())
        return value

    @field_validator("search")
    @classmethod
    def _has_milvus(cls, value: SearchEngine, others: ValidationInfo) -> SearchEngine:
        if value == "milvus" and not others.data.get("milvus_url"):
            raise ValueError("needs SOUNDALIKE_MILVUS_URL, the server that is searched")
        return value

    @field_validator("alert_url")
    @classmethod
    def _web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            values.web_address(value.get_secret_value())
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres_only(cls, value: str | None) -> str | None:
        return values.postgres_url(value) if value else None

    def following(self, library: Mapping[str, Any]) -> "Settings":
        """Return a copy with the library's values; what counts as set by the process stays."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return Settings.model_construct(
            _fields_set=set(self.model_fields_set), **{**values, **library}
        )

    @property
    def lowest_log_level(self) -> str:
        """The lowest level that is logged: DEBUG overrides LOG_LEVEL."""
        return "DEBUG" if self.debug else self.log_level
