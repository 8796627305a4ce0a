"""The one partition set: ingest batches, as the catalog sealed them."""

import dagster as dg

batches = dg.DynamicPartitionsDefinition(name="batch")
