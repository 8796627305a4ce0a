"""A MERT checkpoint as a folder: its files, architecture and revision. Imports no torch.

MERT-v1-95M and -330M (Li et al. 2023, arXiv:2306.00107) are published on the Hugging Face hub,
under CC-BY-NC-4.0. published.py lists these files, download.py fetches them.
"""

from dataclasses import dataclass
from pathlib import Path

from soundalike.embedders.mert.config import CONFIG, PREPROCESSOR, MertConfig, Preprocessor, parsed
from soundalike.embedders.mert.published import PUBLISHED, revision_of
from soundalike.errors import WeightsError

CONVERTED = "model.safetensors"
WEIGHTS = (CONVERTED, "pytorch_model.bin")
PUBLISHED_SIZES = {768: "mert-v1-95m", 1024: "mert-v1-330m"}  # by hidden size

# The hidden state whose cosines, without any training, agree best with human judgements of
# similarity: 81.7 % (95M, layer 6) and 82.7 % (330M, layer 4) of DimSim triplets. The last layer
# agrees worst.
LAYERS = {"mert-v1-95m": 6, "mert-v1-330m": 4}


@dataclass(frozen=True)
class MertCheckpoint:
    """A verified folder, used as `model`: its hidden state `layer` is the embedding.

    `normalise`: each window is first scaled to zero mean and unit variance.
    """

    model: str
    config: MertConfig
    weights: Path
    layer: int
    normalise: bool

    @property
    def revision(self) -> str:
        """The 16 hex digits that identify its tensors; see `revision_of`."""
        return revision_of(self.weights)


def open_checkpoint(folder: Path, model: str) -> MertCheckpoint:
    """Open the checkpoint in `folder`, to be used as `model`.

    Raises WeightsError if a file is missing, or the architecture is a different one.
    """
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise WeightsError(f"{folder}: holds neither {' nor '.join(WEIGHTS)}")
    config = parsed(MertConfig, folder / CONFIG)
    refuse_other_size(folder, config, model)
    preprocessor = folder / PREPROCESSOR
    normalise = not preprocessor.exists() or parsed(Preprocessor, preprocessor).do_normalize
    return MertCheckpoint(model, config, weights, LAYERS[model], normalise)


def open_cached(folder: Path, model: str) -> MertCheckpoint:
    """Open the checkpoint that was fetched into `folder`. Downloads nothing.

    Raises WeightsError if it is missing, damaged, or not the published one.
    """
    fetch = f"soundalike models fetch {model}"
    if not (folder / CONVERTED).is_file():
        raise WeightsError(
            f"{model}: its weights are not in {folder} yet. Run `{fetch}`, or set "
            "SOUNDALIKE_MERT_PATH to a folder with its config.json and model.safetensors or "
            "pytorch_model.bin, or SOUNDALIKE_MODEL=musicnn-msd"
        )
    checkpoint = open_checkpoint(folder, model)
    if checkpoint.revision != PUBLISHED[model].revision[:16]:
        raise WeightsError(
            f"{checkpoint.weights}: it is not the published {model}. Run `{fetch}`, which replaces "
            "it; if this is intended, move it elsewhere and name its folder in SOUNDALIKE_MERT_PATH"
        )
    return checkpoint


def refuse_other_size(folder: Path, config: MertConfig, model: str) -> None:
    """Check that the config in `folder` can be `model`'s.

    Raises WeightsError if it is the other published model's, or has too few layers.
    """
    published = PUBLISHED_SIZES.get(config.hidden_size, model)
    if published != model:
        raise WeightsError(f"{folder}: holds {published}; set SOUNDALIKE_MODEL={published}")
    if config.num_hidden_layers < LAYERS[model]:
        raise WeightsError(
            f"{folder}: has {config.num_hidden_layers} layers; {model} is read at layer "
            f"{LAYERS[model]}"
        )
