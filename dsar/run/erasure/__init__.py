"""Erasing for one request or many: what was looked at is executed, and what was executed is looked at again.

    planned = erasure.dry_run(ws, requests)     # plans anew, tries every change, undoes it, and writes down what was decided
    done = erasure.execute(ws, requests, by=…)  # asks the sources again; what differs from what was decided is refused
    seen = erasure.verify(ws, requests)         # asks once more: by row key, by identity, by text

The sources are asked in one pass for all; changes are made request by request, so that one that fails harms no other.
"""

from dsar.run.erasure.execution import execute, statements
from dsar.run.erasure.lists import checklists, decline_suppression, plan_listing, take_back
from dsar.run.erasure.promises import audit_lists, retention, trend
from dsar.run.erasure.records import load_plan, load_verified, planned_requests
from dsar.run.erasure.systems import Outcome
from dsar.run.erasure.trial import dry_run, ensure_plan
from dsar.run.erasure.verification import certificates, certify, look_again, verify, verify_all

__all__ = [
    "Outcome",
    "audit_lists",
    "certificates",
    "certify",
    "checklists",
    "decline_suppression",
    "dry_run",
    "ensure_plan",
    "execute",
    "load_plan",
    "load_verified",
    "look_again",
    "plan_listing",
    "planned_requests",
    "retention",
    "statements",
    "take_back",
    "trend",
    "verify",
    "verify_all",
]
