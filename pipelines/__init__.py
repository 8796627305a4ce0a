"""Dagster: jobs, partitions and automation. Audio and vectors are processed in soundalike."""
