"""The network of musicnn. Loads torch."""
