"""musicnn's network. Loads torch."""
