import stat

import pytest
from filelock import Timeout

from dsar.erase.execute import alone
from dsar.errors import ErasureRefused


def test_no_two_runs_change_a_source_at_once(tmp_path):
    with alone(tmp_path, "shop"):
        with pytest.raises(ErasureRefused, match=r"shop: another run is erasing in this system — wait until it has ended"), alone(tmp_path, "shop"):
            pass
        with alone(tmp_path, "newsletter"):
            pass
    with alone(tmp_path, "shop"):
        pass
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "secrets").iterdir()} == {0o600}


def test_what_waits_in_vain_inside_is_not_taken_for_another_run(tmp_path):
    with pytest.raises(Timeout), alone(tmp_path, "shop"):
        raise Timeout("another lock")
