"""Artifacts on disk: their paths, and how each becomes visible all at once."""
