"""Sources of music: folders and buckets. Listing them, and reading one of their files.

Nothing here writes to them, or uses the catalog.
"""
