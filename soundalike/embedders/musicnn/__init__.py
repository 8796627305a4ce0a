"""musicnn-msd: its weights, and the model."""
