"""What a model has to beat. Loads torch."""
