"""Vectors: a batch's .npy, the index artifact and its checks, queries, ranking and search."""
