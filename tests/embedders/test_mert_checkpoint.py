import json
import os
import re
from pathlib import Path

import pytest

from soundalike.embedders.mert.checkpoint import open_checkpoint
from soundalike.errors import WeightsError

from .checkpoints import changed_mert


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feature_extractor_cqt", True),
        ("deepnorm", True),
        ("sample_rate", 16_000),
        ("model_type", "hubert"),
        ("hidden_size", "wide"),
        ("hidden_act", "relu"),
        ("feat_extract_activation", "relu"),
        ("feat_extract_norm", "layer"),
        ("feat_proj_layer_norm", False),
        ("conv_bias", True),
        ("conv_dim", [16]),
        ("conv_kernel", [10, 3, 3, 3, 3, 2]),
        ("conv_kernel", [10, 3, 3, 3, 3, 3, 2]),
        ("conv_stride", [5, 2, 2, 2, 2, 2, 1]),
        ("num_attention_heads", 5),
    ],
)
def test_an_architecture_that_computes_something_else_is_refused(
    mert_folder: Path, tmp_path: Path, field: str, value: object
) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed", config={field: value})
    named = re.escape(f"config.json: {field}={value!r}: ")
    with pytest.raises(WeightsError, match=named):
        open_checkpoint(folder, "mert-v1-95m")


def test_a_missing_field_is_named(mert_folder: Path, tmp_path: Path) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed")
    fields = json.loads((folder / "config.json").read_text())
    del fields["hidden_act"]
    (folder / "config.json").write_text(json.dumps(fields))
    with pytest.raises(WeightsError, match=r"config\.json: hidden_act: Field required$"):
        open_checkpoint(folder, "mert-v1-95m")


def test_the_other_published_size_is_not_taken_for_this_one(
    mert_folder: Path, tmp_path: Path
) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed", config={"hidden_size": 1024})
    with pytest.raises(WeightsError, match="SOUNDALIKE_MODEL=mert-v1-330m"):
        open_checkpoint(folder, "mert-v1-95m")


def test_a_model_too_shallow_for_the_layer_is_refused(mert_folder: Path, tmp_path: Path) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed", config={"num_hidden_layers": 5})
    with pytest.raises(WeightsError, match="has 5 layers; mert-v1-95m is read at layer 6"):
        open_checkpoint(folder, "mert-v1-95m")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("pytorch_model.bin", "holds neither"), ("config.json", "No such file")],
)
def test_a_missing_file_is_named(
    mert_folder: Path, tmp_path: Path, name: str, complaint: str
) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed")
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=complaint) as refused:
        open_checkpoint(folder, "mert-v1-95m")
    assert name in str(refused.value)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_damaged_description_is_a_weights_error(
    mert_folder: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed")
    (folder / name).write_bytes(content)
    with pytest.raises(WeightsError, match=str(folder)):
        open_checkpoint(folder, "mert-v1-95m")


def test_weights_replaced_in_place_get_another_revision(mert_folder: Path, tmp_path: Path) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed")
    before = open_checkpoint(folder, "mert-v1-95m").revision
    state = (folder / "pytorch_model.bin").stat()
    content = bytearray((folder / "pytorch_model.bin").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "pytorch_model.bin").write_bytes(content)
    os.utime(folder / "pytorch_model.bin", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert open_checkpoint(folder, "mert-v1-95m").revision != before
