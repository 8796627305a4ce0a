"""From a request to its results: the index and the catalog in turns."""
