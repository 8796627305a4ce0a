"""Where music lies: folders and buckets. Listing them, and getting at one of their files.

Reads only; nothing in here knows the catalog.
"""
