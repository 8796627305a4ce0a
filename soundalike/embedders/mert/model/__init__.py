"""MERT's network and the reader of its tensors. Loads torch."""
