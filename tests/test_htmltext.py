"""Text out of pages: what a reader sees, whatever the mail program wrote."""

import pytest

from dsar.htmltext import plain


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>one</p><p>two  words</p>", "one\ntwo words"),
        ("<head><title>no</title></head><body>yes<br>and</body>", "yes\nand"),
        ("<head><title>no</title><body>yes</body>", "yes"),
        ("a<style>p {}</style>b<script>1 < 2</script>c", "abc"),
        ("</style></script>still <b>there</b>", "still there"),
        ("delete my &lt;data&gt; &amp; tell me", "delete my <data> & tell me"),
        ("", ""),
    ],
)
def test_what_a_reader_sees(page, text):
    assert plain(page) == text
