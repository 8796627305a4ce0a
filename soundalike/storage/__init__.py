"""Artifacts on disk: where each lives, and how each becomes visible all at once."""
