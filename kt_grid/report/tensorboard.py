"""A search as TensorBoard's HParams view: one session per trial."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kt_grid.analysis.comparison import Analysis, TrialAnalysis
from kt_grid.errors import StoreError, UsageError
from kt_grid.space import Axis, Value
from kt_grid.space.scales import scale_of
from kt_grid.store.files import write_file
from kt_grid.store.results import COMPLETED, FAILED, STOPPED, TrialResult

_FILE = "events.out.tfevents.0.kt-grid"
_PREFIX = "trial_"


def write_hparams(analysis: Analysis, directory: Path) -> None:
    """Write a search so that `tensorboard --logdir directory` shows it.

    What an earlier call wrote there is replaced. Nothing in the files depends on when they are
    written.

    Args:
        analysis: The search, finished or not.
        directory: Where to write.

    Raises:
        UsageError: If the package tensorboard is missing.
        StoreError: If the files can't be written, or the directory holds something else.
    """
    if not _has_tensorboard():
        raise UsageError(
            "Expected the package tensorboard for --format tensorboard. Received: none. "
            "Install it with: pip install 'kt-grid[tensorboard]'"
        )
    _clear(directory)
    _write(directory, [_experiment(analysis)])
    known = analysis.by_id
    for trial in analysis.results.trials:
        summaries = _session(analysis, trial, known.get(trial.trial_id))
        _write(directory / f"{_PREFIX}{trial.trial_id}", summaries)


def _has_tensorboard() -> bool:
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def _clear(directory: Path) -> None:
    """Remove what was written before, and nothing else."""
    if not directory.exists():
        return
    if any(directory.iterdir()) and not (directory / _FILE).exists():
        raise StoreError(
            f"Expected {directory} to be empty or to hold such files. Received: other files. "
            "They are not deleted; choose another directory"
        )
    for folder in directory.glob(f"{_PREFIX}*"):
        if (folder / _FILE).exists():
            shutil.rmtree(folder)


def _metrics(analysis: Analysis) -> dict[str, str]:
    """Tags of the numbers that each trial has, and what they are."""
    name = analysis.results.objective.name
    return {
        name: "mean over the folds",
        f"{name}_std": "standard deviation over the folds, ddof=0",
        f"{name}_error": "standard error of the mean",
        "behind_best": "by how much the mean is worse than the best one",
        "p_value": "of the comparison with the best, corrected",
        "fit_seconds": "wall time of all trainings",
        "weights": "numbers that the model consists of",
        "steps": "optimizer steps of all trainings",
    }


def _values(trial: TrialResult, known: TrialAnalysis | None) -> tuple[float | None, ...]:
    """The numbers of a trial, in the order of `_metrics`."""
    certain = (None,) * 3 if known is None else (known.error, known.behind, known.p)
    return (trial.mean, trial.std, *certain, trial.fit_seconds, trial.weights, trial.steps)


def _experiment(analysis: Analysis) -> Any:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    metrics = [
        api_pb2.MetricInfo(
            name=api_pb2.MetricName(tag=tag), display_name=tag, description=description
        )
        for tag, description in _metrics(analysis).items()
    ]
    experiment = api_pb2.Experiment(
        name=analysis.results.experiment,
        hparam_infos=[_axis(axis) for axis in analysis.results.axes],
        metric_infos=metrics,
    )
    data = plugin_data_pb2.HParamsPluginData(experiment=experiment)
    return _plugin_summary(metadata.EXPERIMENT_TAG, data)


def _axis(axis: Axis) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    info = api_pb2.HParamInfo(name=axis.name, type=getattr(api_pb2, f"DATA_TYPE_{_kind(axis)}"))
    info.domain_discrete.extend([_plain(axis, value) for value in axis.values])
    return info


def _kind(axis: Axis) -> str:
    if all(isinstance(value, bool) for value in axis.values):
        return "BOOL"
    return "STRING" if scale_of(axis.values) == "words" else "FLOAT64"


def _plain(axis: Axis, value: Value) -> Value:
    return str(value) if _kind(axis) == "STRING" else value


def _session(analysis: Analysis, trial: TrialResult, known: TrialAnalysis | None) -> Iterable[Any]:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    start = plugin_data_pb2.SessionStartInfo(group_name=trial.trial_id)
    for axis in analysis.results.axes:
        if axis.name in trial.parameters:
            _set(start.hparams[axis.name], _plain(axis, trial.parameters[axis.name]))
    begun = plugin_data_pb2.HParamsPluginData(session_start_info=start)
    yield _plugin_summary(metadata.SESSION_START_INFO_TAG, begun)
    for tag, number in zip(_metrics(analysis), _values(trial, known), strict=True):
        if number is not None:
            yield _scalar(tag, number)
    for split, score in enumerate(trial.fold_scores(0)):
        if score is not None:
            yield split, _scalar(f"{analysis.results.objective.name}_by_fold", score)
    statuses: Mapping[str, Any] = {
        COMPLETED: api_pb2.STATUS_SUCCESS,
        FAILED: api_pb2.STATUS_FAILURE,
        # TensorBoard has no word for what was given up.
        STOPPED: api_pb2.STATUS_UNKNOWN,
    }
    end = plugin_data_pb2.SessionEndInfo(
        status=statuses.get(trial.status, api_pb2.STATUS_RUNNING),
        end_time_secs=trial.fit_seconds or 0.0,
    )
    ended = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    yield _plugin_summary(metadata.SESSION_END_INFO_TAG, ended)


def _set(place: Any, value: Value) -> None:
    if isinstance(value, bool):
        place.bool_value = value
    elif isinstance(value, str):
        place.string_value = value
    else:
        place.number_value = value


def _plugin_summary(tag: str, data: Any) -> Any:
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.plugins.hparams import metadata

    described = metadata.create_summary_metadata(data)
    data.version = metadata.PLUGIN_DATA_VERSION
    # The package writes maps in any order; this keeps the bytes the same.
    described.plugin_data.content = data.SerializeToString(deterministic=True)
    summary = summary_pb2.Summary()
    summary.value.add(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR)
    return summary


def _scalar(tag: str, value: float) -> Any:
    from tensorboard.compat.proto import summary_pb2, tensor_pb2, types_pb2
    from tensorboard.plugins.scalar import metadata

    summary = summary_pb2.Summary()
    summary.value.add(
        tag=tag,
        metadata=metadata.create_summary_metadata(display_name=None, description=None),
        tensor=tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[value]),
    )
    return summary


def _write(directory: Path, summaries: Iterable[Any]) -> None:
    from tensorboard.compat.proto import event_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter

    events = [event_pb2.Event(file_version="brain.Event:2")]
    for summary in summaries:
        step, content = summary if isinstance(summary, tuple) else (0, summary)
        events.append(event_pb2.Event(step=step, summary=content))

    def write(path: Path) -> None:
        with path.open("wb") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString(deterministic=True))

    write_file(directory / _FILE, write)
