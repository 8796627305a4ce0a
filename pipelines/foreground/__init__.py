"""Ingest in the foreground: the pipeline's jobs, now, in one process."""
