"""Search: turns a request into results, from the index and the catalog alternately."""
