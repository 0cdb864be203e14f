"""What TensorBoard reads back: its own reader is the reference."""

import sys

import pytest

from kt_grid.errors import StoreError, UsageError
from kt_grid.report.base import Subject
from kt_grid.report.tensorboard import write_hparams
from kt_grid.store.results import read_results

GRID = {"on": [False, True], "kind": ["a", "b"], "rate": [0.1, 1]}
SCORES = [[0.5, 0.6, 0.7], [0.4, 0.5, 0.6], "bad", None, (0.25, 0.125)]


@pytest.fixture
def subject(make_search):
    return Subject(read_results(make_search(GRID, SCORES)))


def events(path):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (file,) = [found for found in path.iterdir() if found.is_file()]
    return [
        (event.step, value)
        for event in EventFileLoader(str(file)).Load()
        for value in event.summary.value
    ]


def test_every_trial_is_a_session(subject, tmp_path):
    from tensorboard.plugins.hparams import api_pb2, metadata

    write_hparams([subject], tmp_path / "logs")
    found = {}
    for trial in subject.results.trials:
        values = [v for _, v in events(tmp_path / "logs" / f"trial_{trial.trial_id}")]
        content = {value.tag: value.metadata.plugin_data.content for value in values}
        start = metadata.parse_session_start_info_plugin_data(
            content[metadata.SESSION_START_INFO_TAG]
        )
        end = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
        found[trial.trial_id] = end.status
        chosen = trial.parameters
        assert set(start.hparams) == set(chosen)
        assert start.hparams["on"].bool_value == chosen["on"]
        assert start.hparams["kind"].string_value == chosen["kind"]
        assert start.hparams["rate"].number_value == chosen["rate"]
    assert [*found.values()] == [
        *(api_pb2.STATUS_SUCCESS, api_pb2.STATUS_SUCCESS),
        *(api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING, api_pb2.STATUS_UNKNOWN),
    ]


def test_the_axes_and_the_metrics_are_declared(subject, tmp_path):
    from tensorboard.plugins.hparams import api_pb2, metadata

    write_hparams([subject], tmp_path / "logs")
    ((_, value),) = events(tmp_path / "logs")
    experiment = metadata.parse_experiment_plugin_data(value.metadata.plugin_data.content)
    infos = {info.name: info for info in experiment.hparam_infos}
    assert [*infos] == [*GRID]
    assert infos["on"].type == api_pb2.DATA_TYPE_BOOL
    assert infos["kind"].type == api_pb2.DATA_TYPE_STRING
    assert infos["rate"].type == api_pb2.DATA_TYPE_FLOAT64
    assert [v.number_value for v in infos["rate"].domain_discrete.values] == [0.1, 1]
    tags = [info.name.tag for info in experiment.metric_infos]
    assert tags[:3] == ["val_accuracy", "val_accuracy_std", "val_accuracy_error"]


def test_the_numbers_are_those_of_the_search(subject, tmp_path):
    write_hparams([subject], tmp_path / "logs")
    best = subject.analysis.best
    values = events(tmp_path / "logs" / f"trial_{best.trial.trial_id}")
    numbers = {value.tag: value.tensor.float_val for _, value in values}
    assert [*numbers["val_accuracy"]] == pytest.approx([best.trial.mean])
    assert [*numbers["val_accuracy_error"]] == pytest.approx([best.error])
    assert [*numbers["behind_best"]] == [0.0]
    assert "p_value" not in numbers
    folds = [(s, v.tensor.float_val[0]) for s, v in values if v.tag == "val_accuracy_by_fold"]
    assert folds == [(0, 0.5), (1, pytest.approx(0.6)), (2, pytest.approx(0.7))]


def test_the_same_search_gives_the_same_bytes(subject, tmp_path):
    for name in ("one", "two"):
        write_hparams([subject], tmp_path / name)
    write_hparams([subject], tmp_path / "two")
    one, two = (
        {f.relative_to(tmp_path / name): f.read_bytes() for f in (tmp_path / name).rglob("e*")}
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) == 6


def test_what_was_there_before_goes_but_nothing_else(subject, make_search, tmp_path):
    place = tmp_path / "logs"
    write_hparams([subject], place)
    (place / "trial_mine").mkdir()
    smaller = Subject(read_results(make_search({"n": [1]}, SCORES[:1], name="smaller")))
    write_hparams([smaller], place)
    assert {path.name for path in place.iterdir() if path.is_dir()} == {"trial_0000", "trial_mine"}


def test_other_files_are_left_alone(subject, tmp_path, raises):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with raises(StoreError, "other files", "not deleted"):
        write_hparams([subject], tmp_path)


def test_several_searches_have_a_folder_each(subject, make_search, tmp_path):
    other = Subject(read_results(make_search({"n": [1]}, SCORES[:1], name="other")))
    said = write_hparams([subject, other], tmp_path / "logs")
    assert said == f"look at it with: tensorboard --logdir {tmp_path / 'logs'}"
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"search", "other"}
    assert len([*(tmp_path / "logs" / "other").rglob("events*")]) == 2


def test_without_the_package(subject, tmp_path, monkeypatch, raises):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    with raises(UsageError, "tensorboard", "pip install 'kt-grid[tensorboard]'"):
        write_hparams([subject], tmp_path / "logs")
