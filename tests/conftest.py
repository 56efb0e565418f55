"""What holds for every test: examples are the same in every run, media run one after another, and in CI a
skip is a failure."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("proof", max_examples=500, deadline=None, print_blob=True)
settings.load_profile("fixed")  # `--hypothesis-profile=proof` comes after it


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what opens peer connections first, on one worker: it is timing-sensitive and takes longest."""

    def is_media(item: pytest.Item) -> bool:
        return any(item.get_closest_marker(name) for name in ("media", "browser"))

    items.sort(key=lambda item: not is_media(item))
    for item in filter(is_media, items):
        item.add_marker(pytest.mark.xdist_group("media"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Fail what was skipped in CI: there, everything that a test needs is installed."""
    if os.environ.get("CI") and report.outcome == "skipped":
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {reason}"
