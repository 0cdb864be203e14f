"""Experiments: what is searched, on which data."""

from kt_grid.experiments import tutorial as tutorial
from kt_grid.experiments.base import REGISTRY, Experiment
from kt_grid.experiments.loading import load_experiment, write_template

__all__ = ["REGISTRY", "Experiment", "load_experiment", "write_template"]
