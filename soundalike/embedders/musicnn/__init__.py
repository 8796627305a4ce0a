"""The model musicnn-msd and its weights."""
