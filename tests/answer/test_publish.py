"""The outbox holds the present version of each file, whole, and nothing else."""

import pytest

from dsar.answer.publish import Written, intact, publish


def build(text, more=()):
    def into(stem, folder):
        names = [f"{stem}.xlsx", *(f"{stem}{m}" for m in more)]
        for name in names:
            (folder / name).write_text(f"{text} {name}")
        return [folder / name for name in names]

    return into


def inside(case):
    return sorted(str(p.relative_to(case)) for p in case.rglob("*") if p.is_file())


def test_files_are_private_and_the_first_is_the_one_to_open(tmp_path):
    made = publish(tmp_path, "outbox", "A", build("x", [".zip"]))
    assert made == [tmp_path / "outbox/A.xlsx", tmp_path / "outbox/A.zip"]
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in made} == {0o600}
    assert inside(tmp_path) == ["outbox/A.xlsx", "outbox/A.zip", "published/outbox.A.json"]


def test_a_reissue_is_a_new_version_and_the_old_one_leaves_the_outbox(tmp_path):
    publish(tmp_path, "outbox", "A", build("x", ["_text-001.txt"]))
    publish(tmp_path, "outbox", "A", build("x", ["_text-001.txt"]))
    publish(tmp_path, "outbox", "A", build("y"))
    assert [p.name for p in publish(tmp_path, "outbox", "A", build("z"))] == ["A_v3.xlsx"]
    assert inside(tmp_path) == [
        "outbox/A_v3.xlsx", "published/outbox.A.json", "superseded/A.xlsx", "superseded/A_text-001.txt", "superseded/A_v2.xlsx",
    ]  # fmt: skip
    assert (tmp_path / "superseded/A.xlsx").read_text() == "x A.xlsx"


def test_another_set_whose_name_begins_alike_is_left_alone(tmp_path):
    publish(tmp_path, "worklists", "C-1_shop_worklist", build("x"))
    publish(tmp_path, "worklists", "C-1_shop", build("x"))
    publish(tmp_path, "worklists", "C-1_shop", build("y"))
    assert inside(tmp_path) == [
        "published/worklists.C-1_shop.json", "published/worklists.C-1_shop_worklist.json", "superseded/C-1_shop.xlsx",
        "worklists/C-1_shop_v2.xlsx", "worklists/C-1_shop_worklist.xlsx",
    ]  # fmt: skip


def test_a_build_that_fails_leaves_what_was_published(tmp_path):
    publish(tmp_path, "outbox", "A", build("x"))

    def breaks(stem, folder):
        (folder / f"{stem}.xlsx").write_text("unsafe")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        publish(tmp_path, "outbox", "A", breaks)
    assert inside(tmp_path) == ["outbox/A.xlsx", "published/outbox.A.json"]
    assert (tmp_path / "outbox/A.xlsx").read_text() == "x A.xlsx"


def test_a_file_that_got_lost_or_was_changed_is_put_back(tmp_path):
    [path] = publish(tmp_path, "outbox", "A", build("x"))
    assert intact(tmp_path, "outbox")
    path.write_text("changed")
    assert not intact(tmp_path, "outbox")
    publish(tmp_path, "outbox", "A", build("x"))
    assert intact(tmp_path, "outbox")
    path.unlink()
    assert not intact(tmp_path, "outbox")


def test_a_run_killed_after_the_record_has_its_old_version_leave_with_the_next(tmp_path):
    [old] = publish(tmp_path, "outbox", "A", build("x"))
    publish(tmp_path, "outbox", "A", build("y"))
    (tmp_path / "superseded/A.xlsx").rename(old)
    publish(tmp_path, "outbox", "A", build("y"))
    assert [p.name for p in (tmp_path / "outbox").iterdir()] == ["A_v2.xlsx"]


def test_written_shows_names_as_text(tmp_path):
    [path] = publish(tmp_path, "outbox", "A", build("x"))
    assert "<td>A.xlsx</td>" in Written((path,))._repr_html_()
    assert Written(())._repr_html_() == "<p>Nothing was found, so there is nothing to write.</p>"
