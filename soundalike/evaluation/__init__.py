"""Evaluation of embeddings: labelled retrieval, hubness, robustness, baselines, a report."""
