"""Care of what is there: collecting garbage, measuring the published index."""
