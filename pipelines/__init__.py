"""Dagster: what runs, on which partition, when. No audio or vector maths."""
