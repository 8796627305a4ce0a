"""The domain: audio, embeddings, vectors, catalog. Knows neither Dagster nor FastAPI."""

__version__ = "0.1.0"
