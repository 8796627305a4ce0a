"""Baselines that a model is compared with. Loads torch."""
