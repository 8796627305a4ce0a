"""The columns that answers are made of without SQL, kept current; independent of HTTP."""
