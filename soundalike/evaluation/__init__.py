"""How good an embedding is: labelled retrieval, hubness, robustness, baselines, a report."""
