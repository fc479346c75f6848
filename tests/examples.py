"""How often a property is tried: a few times in `make test`, `DSAR_TIMES` as often in `make fuzz`."""

import os


def examples(few: int) -> int:
    return few * int(os.environ.get("DSAR_TIMES", "1"))
