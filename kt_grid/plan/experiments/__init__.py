"""Experiments: what is searched, on which data."""

from kt_grid.plan.experiments import tutorial as tutorial
from kt_grid.plan.experiments.base import REGISTRY, Experiment
from kt_grid.plan.experiments.loading import load_experiment, write_template

__all__ = ["REGISTRY", "Experiment", "load_experiment", "write_template"]
