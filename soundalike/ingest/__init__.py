"""The stages from a folder of music to a published index, free of any orchestrator.

One module a stage, in data-flow order: scan, identify, resample, embed, build_index, publish. Each
stage is one function that a Dagster asset calls, that can be called again at any time, and that
ends with one catalog transaction. A file that fails becomes a recorded failure; an error of the
system (disk full, database gone, model missing) is raised.
"""
