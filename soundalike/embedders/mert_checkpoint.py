"""A MERT checkpoint as a folder: which files, which architecture, which revision. No torch here.

MERT-v1-95M and -330M (Li et al. 2023, arXiv:2306.00107) are published on the Hugging Face hub,
under CC-BY-NC-4.0. Public projects pin m-a-p/MERT-v1-95M at revision
12af15fef9d0ac838c3f475bfbbf26d2060dd4f5, whose pytorch_model.bin has the SHA-256
a2b8b747f72c06e0595aeae41ae5473f4364938c6b39b2c58be38c48e6bd3fcd; this code has not fetched it yet.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, PositiveInt, ValidationError

from soundalike.errors import WeightsError
from soundalike.storage.atomic import sha256_of

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
PUBLISHED_SIZES = {768: "mert-v1-95m", 1024: "mert-v1-330m"}  # by hidden size

# The hidden state that agrees best with people's judgements of similarity, training-free, plain
# cosine: 81.7 % (95M, layer 6) and 82.7 % (330M, layer 4) of DimSim triplets. The last is worst.
LAYERS = {"mert-v1-95m": 6, "mert-v1-330m": 4}


class Architecture(BaseModel):
    """The fields of config.json that HubertConfig has too, under the same names."""

    hidden_size: PositiveInt
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    intermediate_size: PositiveInt
    hidden_act: str
    layer_norm_eps: float
    do_stable_layer_norm: bool
    feat_proj_layer_norm: bool
    feat_extract_norm: str
    feat_extract_activation: str
    conv_dim: list[PositiveInt]
    conv_kernel: list[PositiveInt]
    conv_stride: list[PositiveInt]
    conv_bias: bool
    num_conv_pos_embeddings: PositiveInt
    num_conv_pos_embedding_groups: PositiveInt
    mask_time_prob: float  # either above 0: the checkpoint has a (here unused) mask embedding
    mask_feature_prob: float


class MertConfig(Architecture):
    """config.json. With a CQT or deepnorm the model would not be a plain HuBERT.

    `attention_relax` is not looked at: the published code reads it only with deepnorm.
    """

    model_type: Literal["mert_model"]
    sample_rate: Literal[24_000]
    feature_extractor_cqt: Literal[False] = False
    deepnorm: Literal[False] = False

    @property
    def hubert(self) -> dict[str, Any]:
        """The arguments of transformers' HubertConfig."""
        return self.model_dump(include=set(Architecture.model_fields))


class Preprocessor(BaseModel):
    """preprocessor_config.json. Both published checkpoints normalise."""

    do_normalize: bool = True


Description = TypeVar("Description", bound=BaseModel)


@dataclass(frozen=True)
class MertCheckpoint:
    """A verified folder, used as `model`: its hidden state `layer` is the embedding.

    `normalise`: each window is first brought to zero mean and unit variance.
    """

    model: str
    config: MertConfig
    weights: Path
    layer: int
    normalise: bool

    @property
    def revision(self) -> str:
        """16 hex digits of the weights' SHA-256, which is computed once for a state of the file."""
        state = self.weights.stat()
        return _sha256(self.weights, state.st_size, state.st_mtime_ns)[:16]


def open_checkpoint(folder: Path, model: str) -> MertCheckpoint:
    """The checkpoint in `folder`, to be used as `model`.

    Raises WeightsError if a file is missing, or the architecture is another.
    """
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise WeightsError(f"{folder}: holds neither {' nor '.join(WEIGHTS)}")
    config = _parsed(MertConfig, folder / "config.json")
    _refuse_other_size(folder, config, model)
    preprocessor = folder / "preprocessor_config.json"
    normalise = not preprocessor.exists() or _parsed(Preprocessor, preprocessor).do_normalize
    return MertCheckpoint(model, config, weights, LAYERS[model], normalise)


def _parsed(kind: type[Description], file: Path) -> Description:
    try:
        return kind.model_validate_json(file.read_bytes())
    except OSError as error:
        raise WeightsError(f"{file}: {error.strerror}") from error
    except ValidationError as error:
        issue = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in issue["loc"])
        raise WeightsError(f"{file}: {field}: {issue['msg']}") from error


def _refuse_other_size(folder: Path, config: MertConfig, model: str) -> None:
    published = PUBLISHED_SIZES.get(config.hidden_size, model)
    if published != model:
        raise WeightsError(f"{folder}: holds {published}; set SOUNDALIKE_MODEL={published}")
    if config.num_hidden_layers < LAYERS[model]:
        raise WeightsError(
            f"{folder}: has {config.num_hidden_layers} layers; {model} is read at layer "
            f"{LAYERS[model]}"
        )


@functools.cache
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    return sha256_of(path)
