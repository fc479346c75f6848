"""Every command and block of README and docs runs, or says above it why it cannot; a page is one reader's afternoon, in one folder."""

import re
import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from dsar import datamap
from dsar.answer import chart_cache  # noqa: F401
from tests.docs.blocks import PAGES, ROOT, RUN, blocks, unfenced
from tests.docs.shell import Shell
