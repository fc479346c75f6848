"""A listing shows what is in it as text, and nothing where nothing is."""

import pandas as pd

from dsar.listing import listing


def test_a_listing_is_shown_whole_as_text():
    shown = listing(("What <b>", "Rows", "Until"), [("x & <i>", 1, None), (pd.NA, 2, float("nan"))], empty="Nothing.").to_display()
    assert shown.splitlines()[2:] == [
        "<thead><tr><th>What &lt;b&gt;</th><th>Rows</th><th>Until</th></tr></thead>",
        "<tbody>",
        "<tr><td>x &amp; &lt;i&gt;</td><td>1</td><td></td></tr>",
        "<tr><td></td><td>2</td><td></td></tr>",
        "</tbody>",
        "</table>",
    ]


def test_an_empty_one_says_so():
    assert listing(("What",), [], empty="Nothing is held.").to_display() == "<p>Nothing is held.</p>"
