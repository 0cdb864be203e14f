"""Runs every trial of a grid, resumably, and gives out what is left of it: models, predictions.

Here the grid, the engines, the workers and the directory come together. The command line's plan
and the Python tuner both end here.
"""
