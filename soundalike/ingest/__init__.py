"""The stages from a folder of music to a published index, free of any orchestrator.

One module a stage, in data-flow order: scan, identify, canonical, embed, index, publish. Each stage
is one function that a Dagster asset calls, that can be called again at any time, and that ends with
one catalog transaction. A file that does not get through becomes a recorded failure; a system that
does not work (disk full, database gone, model missing) raises.
"""
