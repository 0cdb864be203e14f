"""What the fold models of a trial predict for the rows that they weren't trained on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_grid.data.arrays import Arrays, as_feed
from kt_grid.errors import PredictionError
from kt_grid.search.discovery import recorded_loss
from kt_grid.search.outputs import Outputs, numbered
from kt_grid.search.setup import NETWORK_LOSS
from kt_grid.space import Parameters
from kt_grid.splitters import Split
from kt_grid.store.held_out import HeldOut
from kt_grid.store.records import SearchRecord

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Predicted:
    """Predictions for held-out rows, and what they mean.

    Attributes:
        held_out: The predictions, as the models gave them.
        outputs: What they mean.
        folds: Folds of one repeat.
    """

    held_out: HeldOut
    outputs: Outputs
    folds: int

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per prediction; see `PredictsHeldOut.held_out_predictions`."""
        import pandas as pd

        held, values = self.held_out, self.outputs.values(self.held_out.y_pred)
        repeats, folds = np.divmod(held.splits, self.folds)
        classes = self.outputs.true_classes(held.y_true, values)
        if classes is None:
            targets = held.y_true.reshape(len(values), -1)
            true = pd.DataFrame([numbered("y_true", row) for row in targets])
        else:
            names = self.outputs.class_names(int(classes.max(initial=0)) + 1)
            true = pd.DataFrame({"y_true": [names[index] for index in classes]})
        found = {"row": held.rows, "repeat": repeats, "fold": folds}
        predicted = pd.DataFrame([*self.outputs.rows(values)])
        return pd.concat([pd.DataFrame(found), true, predicted], axis=1)

    def confusion(self) -> "pd.DataFrame":
        """Count by class and predicted class; see `PredictsHeldOut.confusion_matrix`."""
        import pandas as pd

        values = self.outputs.values(self.held_out.y_pred)
        counts = self.outputs.confusion(self.held_out.y_true, values)
        if counts is None:
            raise PredictionError(
                "Expected a classifier, and a target of classes. Received: a model with the loss "
                f"{self.outputs.loss.name or 'of its own'}"
            )
        names = self.outputs.class_names(len(counts))
        return pd.DataFrame(
            counts,
            index=pd.Index(names, name="true"),
            columns=pd.Index(names, name="predicted"),
        )


class PredictsHeldOut:
    """What can be made of the predictions for held-out rows, by whatever has them."""

    def _held_out(self, trial: Any) -> Predicted:
        raise NotImplementedError

    def held_out_predictions(self, trial: Any = None) -> "pd.DataFrame":
        """Return what the models of a trial's folds predict for the rows that they don't know.

        Args:
            trial: As `refit` takes it: an id, parameters by name, "simplest"; by default the best.

        Returns:
            A row per prediction: `row` (its position in the data), `repeat`, `fold`, `y_true`,
            and as `Predictor.predict` has them `p_<class>` by class and `class`, or `prediction`.
            A row that several repeats hold out comes several times. Predictions that the search
            didn't keep are worked out from the folds' weights, after `search` in this process:
            those of the best trial, or with `keep="all"` of any.

        Raises:
            PredictionError: If there are neither predictions nor weights, or the model has
                several outputs.
            UsageError: If there is no such trial.

        Example:
            ```python
            table = tuner.held_out_predictions()
            wrong = table[table["class"] != table["y_true"]]
            ```
        """
        return self._held_out(trial).to_frame()

    def confusion_matrix(self, trial: Any = None) -> "pd.DataFrame":
        """Count the held-out rows by class and predicted class.

        Args:
            trial: As `held_out_predictions` takes it.

        Returns:
            Counts with a row per class and a column per predicted class, by the classes' names.

        Raises:
            PredictionError: If the model is no classifier; or as `held_out_predictions`.
        """
        return self._held_out(trial).confusion()


def known_outputs(about: SearchRecord, parameters: Parameters) -> Outputs | None:
    """Tell what outputs of a trial's models mean by what a search's directory says.

    Args:
        about: What search.json says.
        parameters: The trial's.

    Returns:
        Their meaning; None if search.json doesn't say it.
    """
    if not about.builds:
        own = about.origin and about.origin.command and not about.origin.file
        return Outputs(NETWORK_LOSS, tuple(about.labels)) if own else None
    loss = recorded_loss(about.builds, parameters)
    return None if loss is None else Outputs(loss, tuple(about.labels))


def recorded_outputs(about: SearchRecord, parameters: Parameters) -> Outputs:
    """As `known_outputs`, but refuse a search whose search.json doesn't say it.

    Raises:
        PredictionError: If it is such.
    """
    outputs = known_outputs(about, parameters)
    if outputs is None:
        raise PredictionError(
            "Expected a search.json that says the loss of the trial's models. Received: none. Ask "
            "the tuner, after its search(x, y)"
        )
    return outputs


def predict_held_out(models: Iterable[Any], splits: Iterable[Split], arrays: Arrays) -> HeldOut:
    """Let each fold's model predict the rows that the fold holds out.

    Args:
        models: The trained models by split.
        splits: Pairs (train, test) of positions of rows.
        arrays: All rows, with the target in the form of the models' loss.

    Returns:
        The predictions.

    Raises:
        PredictionError: If the model has several outputs.
    """
    parts = []
    for model, (_, test) in zip(models, splits, strict=True):
        held_out = arrays.take(test)
        predicted = model.predict(as_feed(held_out.x), verbose=0)
        if not isinstance(predicted, np.ndarray):
            raise PredictionError(
                f"Expected a model with one output. Received: {len(predicted)} outputs"
            )
        parts.append((test, held_out.y, predicted))
    return HeldOut.of_splits(parts)
