"""Machines that would make other vectors of the same music must not work on one library."""

import socket

import pytest

from soundalike.catalog.arithmetic import forget, require_alike
from soundalike.catalog.engine import Sessions
from soundalike.catalog.library_settings import adopt, write
from soundalike.errors import SettingsError
from soundalike.settings import Settings

AMD = "cpu float32, AuthenticAMD AVX512, torch 2.13.0"
GPU = "cuda bfloat16, NVIDIA H200, torch 2.13.0"


@pytest.fixture
def library(sessions: Sessions) -> Sessions:
    adopt(sessions, Settings(model="musicnn-msd"))
    return sessions


def test_the_first_machine_decides_and_unlike_ones_are_refused_by_name(library: Sessions) -> None:
    require_alike(library, AMD)
    require_alike(library, AMD)
    with pytest.raises(SettingsError) as refused:
        require_alike(library, GPU)
    assert f"with {AMD}, and {socket.gethostname()} has {GPU}" in str(refused.value)


def test_new_machines_may_decide_once_the_old_arithmetic_is_forgotten(library: Sessions) -> None:
    require_alike(library, AMD)
    assert forget(library) == AMD
    assert forget(library) is None
    require_alike(library, GPU)
    with pytest.raises(SettingsError):
        require_alike(library, AMD)


def test_another_space_is_decided_about_anew(library: Sessions) -> None:
    require_alike(library, AMD)
    with library.begin() as session:
        write(session, Settings(model="musicnn-msd", windows="all"), "another-space")
    require_alike(library, GPU)
    assert forget(library) == GPU
