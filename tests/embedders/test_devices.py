import pytest
import torch

from soundalike.embedders.devices import choose_device
from soundalike.errors import SettingsError


def _present(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_there_is(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    _present(monkeypatch, cuda, mps)
    assert choose_device("auto").type == chosen


def test_a_device_that_is_not_there_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _present(monkeypatch, cuda=False, mps=False)
    with pytest.raises(SettingsError, match=r"SOUNDALIKE_DEVICE=cuda: .* available: cpu, or auto"):
        choose_device("cuda")


def test_the_cpu_can_be_asked_for_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _present(monkeypatch, cuda=True, mps=False)
    assert choose_device("cpu").type == "cpu"
