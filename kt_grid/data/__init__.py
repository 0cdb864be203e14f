"""Data files become a `Dataset`; every check of what is in them is here."""

from kt_grid.data.dataset import PIMA, Dataset, bundled, check_target
from kt_grid.data.encoding import Encoder
from kt_grid.data.features import TargetColumn, features_of, read_features, read_labelled
from kt_grid.data.loading import read_csv, read_data
from kt_grid.data.reading import Reading, parse_encode, parse_list, parse_separator

__all__ = [
    "PIMA",
    "Dataset",
    "Encoder",
    "Reading",
    "TargetColumn",
    "bundled",
    "check_target",
    "features_of",
    "parse_encode",
    "parse_list",
    "parse_separator",
    "read_csv",
    "read_data",
    "read_features",
    "read_labelled",
]
