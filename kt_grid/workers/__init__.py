"""Where trainings run: in this process, in local worker processes, or on a Dask cluster.

A worker knows the model, the rows and an engine, but no directory: whoever owns the search sends
jobs and writes what comes back.
"""
