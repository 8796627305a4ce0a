"""Vectors: a batch's .npy, the index artifact, its checks, and exact search over it."""
