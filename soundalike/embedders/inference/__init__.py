"""Inference: devices, precision and batches of a network. Loads torch."""
