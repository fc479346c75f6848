"""Read outgoing files as a stranger would: unpack everything, to the text inside."""

import html

from dsar.answer import decode


def decoded(path):
    """Yield (name, text) for a file and for everything inside it; fails for what cannot be read."""
    for piece in decode.pieces(path):
        name = "/".join(piece.path)
        assert not piece.unread, (name, piece.unread)
        yield name, html.unescape(piece.text)
