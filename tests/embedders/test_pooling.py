import numpy as np
import pytest

from soundalike.embedders.pooling import unit_mean
from soundalike.errors import AudioError


def test_windows_count_alike_and_the_length_is_one() -> None:
    windows = np.array([[6.0, 0.0], [0.0, 8.0]], np.float32)
    unit = unit_mean(windows)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("windows", [[[0.0, 0.0]], [[1.0, -1.0], [-1.0, 1.0]], [[np.nan, 1.0]]])
def test_what_is_no_direction_is_refused(windows: list[list[float]]) -> None:
    with pytest.raises(AudioError) as refused:
        unit_mean(np.array(windows, np.float32))
    assert refused.value.code == "not_finite"


def test_an_infinity_is_refused() -> None:
    with pytest.raises(AudioError):
        unit_mean(np.array([[np.inf, 1.0]], np.float32))
