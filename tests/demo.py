"""The demo company's outgoing files, made once per run: every answer and worklist, open points decided."""

import dsar
from dsar.errors import DsarError
from fixtures import generate


def build(folder):
    """Make the demo workspace in a folder and everything that can leave it; return the workbooks and packages."""
    generate.build(folder, subjects=60, log_lines=5_000, requests=8)
    workspace = dsar.open(folder)
    workspace.collect_all(workspace.requests.values())
    for request in workspace.requests.values():
        for right, make in (("portability", workspace.export), ("erasure", workspace.checklist)):
            if right in request.rights and request.identity_settled:
                try:
                    make(request)
                except DsarError:
                    workspace.decide(request, "part 1", by="R. Eader", rest_by=workspace.register.case(request.id).due)
                    make(request)
        if "portability" in request.rights and request.identity_settled:
            workspace.deliver(request, way="by hand")
    return sorted(p for p in folder.glob("cases/*/*/*") if p.suffix in {".xlsx", ".zip"} and p.parent.name in {"outbox", "worklists", "review"})
