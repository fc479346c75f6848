"""Text out of pages: what a reader sees, whatever the mail program wrote."""

import pytest

from dsar.htmltext import plain
from dsar.recognise import recognise


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>one</p><p>two  words</p>", "one\ntwo words"),
        ("<head><title>no</title></head><body>yes<br>and</body>", "yes\nand"),
        ("<head><title>no</title><body>yes</body>", "yes"),
        ("a<style>p {}</style>b<script>1 < 2</script>c", "abc"),
        ("</style></script>still <b>there</b>", "still there"),
        ("delete my &lt;data&gt; &amp; tell me", "delete my <data> & tell me"),
        ("<h1>Order</h1>one<div>two</div>three<h2>Next</h2>", "Order\none\ntwo\nthree\nNext"),
        ("<table><tr><th>Name<th>Mail</tr><tr><td>Ann</td><td>a@x.org</td></tr></table>on", "Name Mail\nAnn a@x.org\non"),
        ("<dl><dt>Mail<dd>a@x.org</dl><blockquote>b</blockquote>c", "Mail\na@x.org\nb\nc"),
        ("", ""),
    ],
)
def test_what_a_reader_sees(page, text):
    assert plain(page) == text


def test_the_cells_of_a_table_are_told_apart():
    """Run together they would be other people's identifiers, or nobody's."""
    page = "<table><tr><td>ann@x.org</td><td>bob@y.org</td></tr><tr><td>020 7946 0018</td><td>31</td></tr></table>"
    found = [(m.kind, m.value) for m in recognise(plain(page), "GB")]
    assert found == [("email", "ann@x.org"), ("email", "bob@y.org"), ("phone", "+442079460018")]
