"""Splitters: which rows train and which are held out; indices only, numpy only."""

from kt_grid.splitters.base import Indices, OwnSplitter, Split, Splitter, class_labels
from kt_grid.splitters.classes import MOST_CLASSES, classes_of, is_one_hot
from kt_grid.splitters.kfold import (
    GroupKFold,
    KFold,
    RareClassWarning,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from kt_grid.splitters.named import CV, CvOptions, fold_numbers, make_cv
from kt_grid.splitters.ordered import (
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    TimeSeriesSplit,
)
from kt_grid.splitters.repeated import Repeated, RepeatedKFold, RepeatedStratifiedKFold
from kt_grid.splitters.shuffle import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

__all__ = [
    "CV",
    "MOST_CLASSES",
    "CvOptions",
    "GroupKFold",
    "GroupShuffleSplit",
    "Indices",
    "KFold",
    "LeaveOneGroupOut",
    "LeaveOneOut",
    "OwnSplitter",
    "PredefinedSplit",
    "RareClassWarning",
    "Repeated",
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
    "ShuffleSplit",
    "Split",
    "Splitter",
    "StratifiedGroupKFold",
    "StratifiedKFold",
    "StratifiedShuffleSplit",
    "TimeSeriesSplit",
    "class_labels",
    "classes_of",
    "fold_numbers",
    "is_one_hot",
    "make_cv",
]
