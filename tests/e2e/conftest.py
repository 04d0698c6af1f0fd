"""Browser tests run where Chromium and playwright are found, and say so where they are not."""

import pytest

from tools.browser import missing


def pytest_collection_modifyitems(items):
    if reason := missing():
        reason = f"browser tests left out: {reason}; install it to run them"
        for item in items:
            if "e2e" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason=reason))
