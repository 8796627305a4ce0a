"""A MERT checkpoint as a folder: which files, which architecture, which revision. No torch here.

MERT-v1-95M and -330M (Li et al. 2023, arXiv:2306.00107) are published on the Hugging Face hub,
under CC-BY-NC-4.0. published.py says which files these are, download.py fetches them.
"""

from dataclasses import dataclass
from pathlib import Path

from soundalike.embedders.mert.config import CONFIG, PREPROCESSOR, MertConfig, Preprocessor, parsed
from soundalike.embedders.mert.published import PUBLISHED, revision_of
from soundalike.errors import WeightsError

CONVERTED = "model.safetensors"
WEIGHTS = (CONVERTED, "pytorch_model.bin")
PUBLISHED_SIZES = {768: "mert-v1-95m", 1024: "mert-v1-330m"}  # by hidden size

# The hidden state that agrees best with people's judgements of similarity, training-free, plain
# cosine: 81.7 % (95M, layer 6) and 82.7 % (330M, layer 4) of DimSim triplets. The last is worst.
LAYERS = {"mert-v1-95m": 6, "mert-v1-330m": 4}


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
        """16 hex digits that name its tensors; see `revision_of`."""
        return revision_of(self.weights)


def open_checkpoint(folder: Path, model: str) -> MertCheckpoint:
    """The checkpoint in `folder`, to be used as `model`.

    Raises WeightsError if a file is missing, or the architecture is another.
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
    """The checkpoint that was fetched into `folder`. Downloads nothing.

    Raises WeightsError if it is not there, is damaged, or is not the published one.
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
            "it; if you mean it, move it elsewhere and name its folder in SOUNDALIKE_MERT_PATH"
        )
    return checkpoint


def refuse_other_size(folder: Path, config: MertConfig, model: str) -> None:
    """Raises WeightsError if the config in `folder` is another published model's, or too small."""
    published = PUBLISHED_SIZES.get(config.hidden_size, model)
    if published != model:
        raise WeightsError(f"{folder}: holds {published}; set SOUNDALIKE_MODEL={published}")
    if config.num_hidden_layers < LAYERS[model]:
        raise WeightsError(
            f"{folder}: has {config.num_hidden_layers} layers; {model} is read at layer "
            f"{LAYERS[model]}"
        )
