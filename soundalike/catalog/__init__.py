"""The catalog in Postgres: the record of files, tracks, batches, vectors and published indexes.

All SQL of the project is in this package. `tables` defines the rows; each other module holds the
statements of one subject.
"""
