"""The data map: the controller's record of processing, as data that lawyers and programs can read.

Reads `dsar.toml` into checked models. Nothing in it executes; secrets stay in the environment
and are named as `${NAME}`. Every error names the file, the key path and what is allowed.
"""

from dsar.datamap.activity import Activity, Recipient, Retention
from dsar.datamap.controller import AutomatedDecisions, Clause, Controller, Gap, Policy, PolicyVersion, Purge
from dsar.datamap.source import Address, Backup, Source
from dsar.datamap.table import Attribution, Column, File, GoneWhen, Mark, OpenWhile, Replace, Reveal, Subset, Table
from dsar.datamap.whole import DataMap, expand, parse, read
from dsar.datamap.words import BASES, ORIGINS, Basis, Origin, categories

__all__ = [
    "BASES",
    "ORIGINS",
    "Activity",
    "Address",
    "Attribution",
    "AutomatedDecisions",
    "Backup",
    "Basis",
    "Clause",
    "Column",
    "Controller",
    "DataMap",
    "File",
    "Gap",
    "GoneWhen",
    "Mark",
    "OpenWhile",
    "Origin",
    "Policy",
    "PolicyVersion",
    "Purge",
    "Recipient",
    "Replace",
    "Retention",
    "Reveal",
    "Source",
    "Subset",
    "Table",
    "categories",
    "expand",
    "parse",
    "read",
]
