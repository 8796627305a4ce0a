"""Run launchers: what the pipeline asks of the one that dagster.yaml names, whichever it is."""

from abc import ABC, abstractmethod

import dagster as dg
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher


class OwnLauncher(ABC):
    """A launcher of ours, which knows whether what executes its runs is still there."""

    spans_machines = False  # whether runs are executed by several machines
    separates_stages = False  # whether a batch is decoded and embedded by jobs of their own

    @abstractmethod
    def has_lost(self, run: dg.DagsterRun) -> bool:
        """Look whether nothing executes a run that it launched, or was about to launch."""


def is_lost(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Look whether a launcher of ours launched the run, and nothing executes it."""
    launcher = instance.run_launcher
    return isinstance(launcher, OwnLauncher) and launcher.has_lost(run)


def separates_stages(instance: dg.DagsterInstance) -> bool:
    """Return whether batches are decoded and embedded by jobs with resources of their own."""
    launcher = instance.run_launcher
    return isinstance(launcher, OwnLauncher) and launcher.separates_stages


def spans_machines(instance: dg.DagsterInstance) -> bool:
    """Return whether runs are executed by several machines: by any launcher but those of one."""
    launcher = instance.run_launcher
    if isinstance(launcher, OwnLauncher):
        return launcher.spans_machines
    return not isinstance(launcher, DefaultRunLauncher | SyncInMemoryRunLauncher)
