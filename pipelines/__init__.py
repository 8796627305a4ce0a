"""The Dagster pipeline: what runs, on which partition, when."""

import warnings

from soundalike.garbage_collection import importing

with importing():
    from dagster import BetaWarning, PreviewWarning

# Backfill policies are beta and checks of partitions a preview in Dagster 1.13, to which this
# package is pinned. Users need not read that.
for category in (BetaWarning, PreviewWarning):
    warnings.filterwarnings("ignore", category=category)
