"""An opened index version: its files in memory and the search over them. Loads faiss."""
