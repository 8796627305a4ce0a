"""MERT's network and what reads its tensors. Loads torch."""
