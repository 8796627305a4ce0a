"""Milvus, a vector database, as the place of an index version's vectors. Loads no faiss."""
