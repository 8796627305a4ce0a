"""How long a test waits for what must come: no test fails for being on a busy machine."""

PATIENCE = 120.0  # seconds
