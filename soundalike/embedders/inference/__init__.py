"""Running a network over windows: devices, precision, batches. Loads torch."""
