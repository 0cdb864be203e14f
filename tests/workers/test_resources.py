"""What a container allows is what counts."""

import os

import pytest

from kt_grid.workers import resources


@pytest.fixture
def groups(monkeypatch, tmp_path):
    """A machine of 8 cores and 16 GiB; writes the files of its control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    sizes = {"SC_PHYS_PAGES": 2**22, "SC_PAGE_SIZE": 2**12}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(resources, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(resources, "_MOUNT", tmp_path / "mount")

    def write(own, **files):
        if own is not None:
            (tmp_path / "cgroup").write_text(own)
        for name, text in files.items():
            path = tmp_path / "mount" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


OLD = "4:cpu,cpuacct:/job\n3:memory:/job\n1:name=systemd:/x\n"


@pytest.mark.parametrize(
    ("own", "files", "cores", "memory"),
    [
        pytest.param(None, {}, 8, 2**34, id="no groups"),
        pytest.param(
            "0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, 8, 2**34, id="no limit"
        ),
        pytest.param(
            "0::/\n", {"cpu.max": "250000 100000\n", "memory.max": f"{2**31}\n"}, 3, 2**31, id="new"
        ),
        pytest.param(
            "0::/job/step\n",
            {
                "job/cpu.max": "200000 100000",
                "job/step/cpu.max": "max 100000",
                "job/memory.max": "7",
            },
            2, 7, id="of the group above",
        ),
        pytest.param("0::/elsewhere\n", {"cpu.max": "20000 100000"}, 1, 2**34, id="a container's"),
        pytest.param(
            OLD,
            {
                "cpu/job/cpu.cfs_quota_us": "400000",
                "cpu/job/cpu.cfs_period_us": "100000",
                "memory/job/memory.limit_in_bytes": f"{2**32}",
            },
            4, 2**32, id="old",
        ),
        pytest.param(
            OLD,
            {
                "cpu/job/cpu.cfs_quota_us": "-1",
                "cpu/job/cpu.cfs_period_us": "100000",
                "memory/job/memory.limit_in_bytes": f"{2**63 - 4096}",
            },
            8, 2**34, id="old without a limit",
        ),
        pytest.param("0::/\n", {"cpu.max": "junk", "memory.max": ""}, 8, 2**34, id="unreadable"),
    ],
)  # fmt: skip
def test_cores_and_memory_are_those_that_the_process_may_use(groups, own, files, cores, memory):
    groups(own, **files)
    assert (resources.cores(), resources.memory()) == (cores, memory)


def test_a_system_that_tells_nothing_has_one_core_or_more(groups, monkeypatch):
    groups(None)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "sysconf")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert (resources.cores(), resources.memory()) == (1, None)
