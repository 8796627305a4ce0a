"""The one partition set: ingest batches, as the catalog sealed them.

Partition keys are added by sensors.py and foreground.py; batches are sealed in soundalike.
"""

import dagster as dg

batches = dg.DynamicPartitionsDefinition(name="batch")
