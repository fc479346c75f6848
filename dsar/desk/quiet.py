"""IPython's history lies in somebody's home, where nobody looks for what a cell said of a person: it is not kept."""

import sys


def no_history() -> None:
    """Keep no history of what is typed from now on, where this is IPython or a notebook, in whatever program it is open."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and shell.history_manager is not None:
        shell.history_manager.enabled = False
