"""What is known of Keras's metrics and losses: one table, which everything else reads."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["min", "max"]
Target: TypeAlias = Literal[
    "", "numbers", "two classes", "margins", "indices", "one-hot", "classes"
]


@dataclass(frozen=True)
class Metric:
    """One of Keras's metrics or losses.

    Attributes:
        name: Its class in snake case, which is what `compile` takes.
        direction: Which values are better; None for what only counts or adds up.
        best: The best possible value; None if there is none, or it isn't certain.
        target: What a target must be for it to have a meaning: "numbers", "two classes" (0 and
            1), "margins" (-1 and 1, or 0 and 1), "indices" of classes, "one-hot" rows, "classes"
            in whichever of these forms; "" if that isn't known.
        is_accuracy: Whether it is the share of the rows that a model gets right, which comes in
            steps of 1 / rows.
        is_loss: Whether `compile` takes it as a loss.
        spellings: Other names that Keras knows it by, or reports it under.
    """

    name: str
    direction: Direction | None
    best: float | None = None
    target: Target = ""
    is_accuracy: bool = False
    is_loss: bool = False
    spellings: tuple[str, ...] = ()


def _accuracy(name: str, target: Target, *spellings: str) -> Metric:
    return Metric(name, "max", 1.0, target, is_accuracy=True, spellings=spellings)


def _share(name: str, target: Target, *spellings: str) -> Metric:
    return Metric(name, "max", 1.0, target, spellings=spellings)


def _error(name: str, target: Target, *spellings: str) -> Metric:
    return Metric(name, "min", 0.0, target, spellings=spellings)


def _loss(name: str, target: Target, *spellings: str, best: float | None = 0.0) -> Metric:
    return Metric(name, "min", best, target, is_loss=True, spellings=spellings)


METRICS = (
    _accuracy("accuracy", "classes", "acc"),
    _accuracy("binary_accuracy", "two classes"),
    _accuracy("categorical_accuracy", "one-hot"),
    _accuracy("sparse_categorical_accuracy", "indices"),
    _share("top_k_categorical_accuracy", "one-hot"),
    _share("sparse_top_k_categorical_accuracy", "indices"),
    _share("auc", "two classes"),
    _share("precision", "two classes"),
    _share("recall", "two classes"),
    _share("precision_at_recall", "two classes"),
    _share("recall_at_precision", "two classes"),
    _share("sensitivity_at_specificity", "two classes"),
    _share("specificity_at_sensitivity", "two classes"),
    _share("f1_score", "one-hot"),
    _share("f_beta_score", "one-hot"),
    _share("io_u", "indices"),
    _share("binary_io_u", "two classes"),
    _share("mean_io_u", "indices"),
    _share("one_hot_io_u", "one-hot"),
    _share("one_hot_mean_io_u", "one-hot"),
    Metric("cosine_similarity", "max", 1.0, "numbers", is_loss=True),
    _share("r2_score", "numbers"),
    _share("pearson_correlation", "numbers"),
    _share("concordance_correlation", "numbers"),
    Metric("true_positives", "max", None, "two classes"),
    Metric("true_negatives", "max", None, "two classes"),
    _error("false_positives", "two classes"),
    _error("false_negatives", "two classes"),
    _loss("mean_squared_error", "numbers", "mse"),
    _error("root_mean_squared_error", "numbers"),
    _loss("mean_absolute_error", "numbers", "mae"),
    _loss("mean_absolute_percentage_error", "numbers", "mape"),
    _loss("mean_squared_logarithmic_error", "numbers", "msle"),
    _loss("log_cosh_error", "numbers", "log_cosh"),
    _loss("huber", "numbers", "huber_loss"),
    _loss("poisson", "numbers", best=None),
    _loss("kl_divergence", "", "kld", best=None),
    _loss("binary_crossentropy", "two classes", "bce"),
    _loss("binary_focal_crossentropy", "two classes"),
    _loss("hinge", "margins"),
    _loss("squared_hinge", "margins"),
    _loss("sparse_categorical_crossentropy", "indices"),
    _loss("categorical_generalized_cross_entropy", "indices"),
    _loss("categorical_crossentropy", "one-hot"),
    _loss("categorical_focal_crossentropy", "one-hot"),
    _loss("categorical_hinge", "one-hot"),
    _loss("dice", "", best=None),
    _loss("tversky", "", best=None),
    _loss("circle", "", best=None),
    _loss("ctc", "", best=None),
    # Not bounded, since it may be any of them, with penalties added.
    Metric("loss", "min"),
    Metric("mean", None),
    Metric("sum", None),
)


def _letters(name: str) -> str:
    """A name without what sets `BinaryIoU`, `binary_io_u` and `AUC`, `auc` apart."""
    return name.replace("_", "").lower()


_BY_LETTERS = {
    _letters(word): found for found in METRICS for word in (found.name, *found.spellings)
}
# What Keras adds to a name that a model has compiled before.
_SECOND = re.compile(r"_\d+$")
_WEIGHTED = "weighted_"


def find_metric(name: str) -> Metric | None:
    """Look a metric up by any name under which Keras takes or reports it.

    Args:
        name: Such as `accuracy`, `acc`, `AUC`, `auc_1`, `BinaryIoU` or `weighted_accuracy`.

    Returns:
        The metric; None if it isn't one of Keras's.

    Example:
        >>> find_metric("AUC").direction
        'max'
    """
    for plain in (name, _SECOND.sub("", name), _SECOND.sub("", name.removeprefix(_WEIGHTED))):
        found = _BY_LETTERS.get(_letters(plain))
        if found:
            return found
    return None


def is_weighted(name: str) -> bool:
    """Tell whether Keras reports a metric under this name with the rows' weights."""
    return name.startswith(_WEIGHTED)
