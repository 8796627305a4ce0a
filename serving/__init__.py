"""The API: requests in, responses out. It does not depend on Dagster or the pipelines."""
