"""A long search costs as much per trial at its end as at its beginning."""

import os
from pathlib import Path

import numpy as np
import pytest
from sampling import sampled

from kt_grid.search.observer import Silent
from kt_grid.space import DecisionTree

TRIALS = 120


class Meter(Silent):
    """After every trial: descriptors that are open, and bytes and renames since the last one."""

    def __init__(self, monkeypatch):
        self.readings = []
        self._written = self._renamed = 0
        replace = os.replace

        def watched(source, target):
            self._written += Path(source).stat().st_size
            self._renamed += 1
            replace(source, target)

        monkeypatch.setattr(os, "replace", watched)

    def trial(self, parameters, score, best):
        descriptors = len([*Path("/proc/self/fd").iterdir()])
        self.readings.append((descriptors, self._written, self._renamed))
        self._written = self._renamed = 0


@pytest.mark.parametrize("keep", sampled(["best", "all"], "best"))
def test_descriptors_and_bytes_per_trial_stay_flat(stub_search, tmp_path, monkeypatch, keep):
    meter = Meter(monkeypatch)
    grid = {"units": [*range(1000, 1000 + TRIALS)]}
    stub_search(tmp_path, keep=keep, grid=grid, observer=meter)
    descriptors, written, renamed = np.transpose(meter.readings[1:])
    assert len(descriptors) == TRIALS - 1
    assert set(renamed) == {2 + 2 * 3}  # trial.json at both its ends; a record and weights per fold
    assert descriptors.max() - descriptors.min() <= 1
    early, late = written[:30].mean(), written[-30:].mean()
    assert late < 1.01 * early < 25_000


def test_the_grid_is_read_when_it_changes_and_not_for_every_trial(
    stub_search, tmp_path, monkeypatch
):
    read = []
    axes = DecisionTree.axes
    monkeypatch.setattr(
        DecisionTree, "axes", lambda tree, *given: read.append(1) or axes(tree, *given)
    )
    stub_search(tmp_path, grid={"units": [*range(1000, 1020)]})
    assert 1 <= len(read) < 10
