"""What the run launcher imports before it forks: a name that is wrong would only cost time."""

from importlib import import_module

import pytest

from pipelines.run_launcher import PRELOADED


@pytest.mark.parametrize("name", PRELOADED)
def test_each_preloaded_module_exists(name: str) -> None:
    """The forkserver passes over what it cannot import."""
    import_module(name)
