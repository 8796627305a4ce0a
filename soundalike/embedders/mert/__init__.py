"""MERT-v1-95M and -330M: their checkpoints, where they are published, and the model."""
