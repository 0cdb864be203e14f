"""A search as TensorBoard's HParams view: one session per trial."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kt_grid.errors import StoreError, UsageError
from kt_grid.report.base import FolderFormat, Subject
from kt_grid.report.columns import Row, TrialColumn, rows, trial_columns
from kt_grid.space import Axis, Value
from kt_grid.space.scales import scale_of
from kt_grid.store.files import write_file
from kt_grid.store.results import COMPLETED, FAILED, STOPPED, SearchResults

_FILE = "events.out.tfevents.0.kt-grid"
_PREFIX = "trial_"


def write_hparams(subjects: Sequence[Subject], directory: Path) -> str:
    """Write searches so that `tensorboard --logdir directory` shows them.

    What an earlier call wrote there is replaced. Nothing in the files depends on when they are
    written.

    Args:
        subjects: The searches, finished or not.
        directory: Where to write: a single one into this very folder, several each into one of
            its own.

    Returns:
        How to look at them.

    Raises:
        UsageError: If the package tensorboard is missing.
        StoreError: If the files can't be written, or the directory holds something else.
    """
    if not _has_tensorboard():
        raise UsageError(
            "Expected the package tensorboard for --format tensorboard. Received: none. "
            "Install it with: pip install 'kt-grid[tensorboard]'"
        )
    for subject in subjects:
        experiment = subject.results.experiment
        _write_search(subject, directory if len(subjects) == 1 else directory / experiment)
    return f"look at it with: tensorboard --logdir {directory}"


def _write_search(subject: Subject, directory: Path) -> None:
    _clear(directory)
    kinds = {axis.name: _kind(axis) for axis in subject.results.axes}
    _write(directory, [_experiment(subject, kinds)])
    for row in rows(subject):
        _write(directory / f"{_PREFIX}{row.trial.trial_id}", _session(row, kinds))


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


def _tag(column: TrialColumn, results: SearchResults) -> str:
    """The name of a figure in TensorBoard, where those of a metric stand together."""
    name = results.objective.name
    tags = {"mean": name, "std": f"{name}_std", "standard_error": f"{name}_error"}
    return tags.get(column.name, column.name)


def _experiment(subject: Subject, kinds: Mapping[str, str]) -> Any:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    results, metrics = subject.results, []
    for column in trial_columns("scalars", subject):
        tag = _tag(column, results)
        name = api_pb2.MetricName(tag=tag)
        metrics.append(api_pb2.MetricInfo(name=name, display_name=tag, description=column.about))
    experiment = api_pb2.Experiment(
        name=results.experiment,
        hparam_infos=[_axis(axis, kinds[axis.name]) for axis in results.axes],
        metric_infos=metrics,
    )
    data = plugin_data_pb2.HParamsPluginData(experiment=experiment)
    return _plugin_summary(metadata.EXPERIMENT_TAG, data)


def _axis(axis: Axis, kind: str) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    info = api_pb2.HParamInfo(name=axis.name, type=getattr(api_pb2, f"DATA_TYPE_{kind}"))
    info.domain_discrete.extend([_plain(kind, value) for value in axis.values])
    return info


def _kind(axis: Axis) -> str:
    if all(isinstance(value, bool) for value in axis.values):
        return "BOOL"
    return "STRING" if scale_of(axis.values) == "words" else "FLOAT64"


def _plain(kind: str, value: Value) -> Value:
    return str(value) if kind == "STRING" else value


def _session(row: Row, kinds: Mapping[str, str]) -> Iterable[Any]:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    results, trial = row.subject.results, row.trial
    start = plugin_data_pb2.SessionStartInfo(group_name=trial.trial_id)
    for name, kind in kinds.items():
        if name in trial.parameters:
            _set(start.hparams[name], _plain(kind, trial.parameters[name]))
    begun = plugin_data_pb2.HParamsPluginData(session_start_info=start)
    yield _plugin_summary(metadata.SESSION_START_INFO_TAG, begun)
    for column in trial_columns("scalars", row.subject):
        number = column.value(row)
        if number is not None:
            yield _scalar(_tag(column, results), number)
    for split, score in enumerate(trial.fold_scores(0)):
        if score is not None:
            yield split, _scalar(f"{results.objective.name}_by_fold", score)
    statuses: Mapping[str, Any] = {
        COMPLETED: api_pb2.STATUS_SUCCESS,
        FAILED: api_pb2.STATUS_FAILURE,
        # TensorBoard has no word for what was pruned.
        STOPPED: api_pb2.STATUS_UNKNOWN,
    }
    end = plugin_data_pb2.SessionEndInfo(
        status=statuses.get(trial.status, api_pb2.STATUS_RUNNING),
        end_time_secs=trial.fit_seconds or 0.0,
    )
    ended = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    yield _plugin_summary(metadata.SESSION_END_INFO_TAG, ended)


def _set(target: Any, value: Value) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str):
        target.string_value = value
    else:
        target.number_value = value


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


TENSORBOARD = FolderFormat("tensorboard", "TensorBoard", write_hparams)
