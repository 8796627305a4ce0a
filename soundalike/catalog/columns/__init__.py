"""The columns: what answers show of tracks and what filters compare, read without SQL.

A file of Arrow columns in the data root has all tracks as of a transaction; those that changed
since are read of the catalog, which stays the truth.
"""
