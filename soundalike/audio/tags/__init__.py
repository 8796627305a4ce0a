"""Tags of music files: reading them from every place they may stand, and merging what they say."""
