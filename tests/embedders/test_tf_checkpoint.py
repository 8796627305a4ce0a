import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.embedders.musicnn.tf_checkpoint import read_tensors
from soundalike.errors import WeightsError

from .checkpoints import entry, table, tensorflow_checkpoint

TENSORS = {
    "conv/bias": np.arange(3, dtype=np.float32),
    "conv/kernel": np.arange(600, dtype=np.float32).reshape(3, 200),
    "step": np.full((), 7, np.float32),
}
INDEX, DATA = tensorflow_checkpoint(TENSORS)


def test_names_shapes_and_values_survive() -> None:
    read = read_tensors(INDEX, DATA)
    assert read.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(read[name], tensor, strict=True)


@pytest.mark.parametrize("length", [0, 7, 47, 48, 60, len(INDEX) - 1])
def test_a_truncated_index_is_refused(length: int) -> None:
    with pytest.raises(WeightsError, match="not a readable TensorFlow checkpoint"):
        read_tensors(INDEX[:length], DATA)


@pytest.mark.parametrize("length", [0, len(DATA) - 1])
def test_truncated_data_is_refused(length: int) -> None:
    with pytest.raises(WeightsError, match="not a readable"):
        read_tensors(INDEX, DATA[:length])


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(WeightsError, match="magic number"):
        read_tensors(INDEX[:-8] + struct.pack("<Q", 1), DATA)


def test_a_tensor_of_another_type_is_refused() -> None:
    with pytest.raises(WeightsError, match="not float32"):
        read_tensors(table({b"counts": entry((3,), 0, dtype=3)}), DATA)


@given(st.integers(0, len(INDEX) - 1), st.integers(0, 255))
def test_a_flipped_byte_never_fails_in_another_way(at: int, byte: int) -> None:
    damaged = INDEX[:at] + bytes([byte]) + INDEX[at + 1 :]
    try:
        read = read_tensors(damaged, DATA)
    except WeightsError:
        return
    assert all(tensor.dtype == np.float32 for tensor in read.values())
