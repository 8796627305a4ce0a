"""MERT's config.json and preprocessor_config.json: the fields read, and the values supported."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, PositiveInt, ValidationError, ValidationInfo, field_validator

from soundalike.errors import WeightsError

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"

# The only front end that our network supports; both published checkpoints have it.
CONV_KERNEL = [10, 3, 3, 3, 3, 2, 2]
CONV_STRIDE = [5, 2, 2, 2, 2, 2, 2]


class Architecture(BaseModel):
    """The fields of config.json that HubertConfig has too, under the same names."""

    hidden_size: PositiveInt
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    intermediate_size: PositiveInt
    hidden_act: Literal["gelu"]
    layer_norm_eps: float
    do_stable_layer_norm: bool
    feat_proj_layer_norm: Literal[True]
    feat_extract_norm: Literal["group"]
    feat_extract_activation: Literal["gelu"]
    conv_dim: list[PositiveInt]
    conv_kernel: list[PositiveInt]
    conv_stride: list[PositiveInt]
    conv_bias: Literal[False]
    num_conv_pos_embeddings: PositiveInt
    num_conv_pos_embedding_groups: PositiveInt
    mask_time_prob: float  # either above 0: the checkpoint has a (here unused) mask embedding
    mask_feature_prob: float

    @field_validator("num_attention_heads")
    @classmethod
    def _divides_the_width(cls, heads: int, info: ValidationInfo) -> int:
        width = info.data.get("hidden_size", heads)
        if width % heads:
            raise ValueError(f"does not divide hidden_size={width}")
        return heads

    @field_validator("conv_dim")
    @classmethod
    def _as_many_layers(cls, channels: list[int]) -> list[int]:
        if len(channels) != len(CONV_KERNEL):
            raise ValueError(f"must have {len(CONV_KERNEL)} numbers")
        return channels

    @field_validator("conv_kernel", "conv_stride")
    @classmethod
    def _the_published_ones(cls, sizes: list[int], info: ValidationInfo) -> list[int]:
        expected = CONV_KERNEL if info.field_name == "conv_kernel" else CONV_STRIDE
        if sizes != expected:
            raise ValueError(f"must be {expected}")
        return sizes


class MertConfig(Architecture):
    """The file config.json. With a CQT or deepnorm the model would not be a plain HuBERT.

    `attention_relax` is ignored: the published code reads it only with deepnorm.
    """

    model_type: Literal["mert_model"]
    sample_rate: Literal[24_000]
    feature_extractor_cqt: Literal[False] = False
    deepnorm: Literal[False] = False

    @property
    def hubert(self) -> dict[str, Any]:
        """The arguments for transformers' HubertConfig."""
        return self.model_dump(include=set(Architecture.model_fields))

    @property
    def fingerprint(self) -> str:
        """Hash the architecture to 8 hex digits: heads and norms change vectors, but no tensor."""
        return hashlib.sha256(json.dumps(self.hubert, sort_keys=True).encode()).hexdigest()[:8]


class Preprocessor(BaseModel):
    """The file preprocessor_config.json. Both published checkpoints normalise."""

    do_normalize: bool = True


Description = TypeVar("Description", bound=BaseModel)


def parsed(kind: type[Description], file: Path) -> Description:
    """Parse a file. Raises WeightsError naming the file, the field and the value."""
    try:
        return described(kind, file.read_bytes(), str(file))
    except OSError as error:
        raise WeightsError(f"{file}: {error.strerror}") from error


def described(kind: type[Description], content: bytes, origin: str) -> Description:
    """Parse `content`, read from `origin`. Raises WeightsError naming origin, field and value."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        issue = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in issue["loc"])
        # If the content is no JSON or lacks the field, the input would be the whole content.
        value = f"={issue['input']!r:.80}" if field and issue["type"] != "missing" else ""
        raise WeightsError(f"{origin}: {field}{value}: {issue['msg']}") from error
