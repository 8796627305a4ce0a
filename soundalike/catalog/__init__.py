"""The catalog in Postgres: the truth about files, tracks, batches, vectors and published indexes.

Every query of the project lives here. `tables` defines the rows; the other modules hold the
statements, one module a subject.
"""
