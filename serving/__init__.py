"""The API: requests in, answers out. Knows neither Dagster nor how anything was made."""
