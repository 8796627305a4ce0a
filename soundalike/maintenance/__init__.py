"""Maintenance: collecting garbage, measuring the published index."""
