"""Programs that a test needs: without them it is skipped, but never where `CI` is set, which installs them."""

import os
import shutil
from pathlib import Path

import pytest


def needs(program):
    """Skip the test where a program is missing, and say which."""
    missing = not shutil.which(str(program)) and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason=f"{Path(program).name} is not installed (.ci/run names what is)")
