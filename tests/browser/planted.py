"""What strangers plant in form fields, and how a page that obeyed it would be told."""

import sqlite3
from contextlib import closing

from tests.run import erasing

HOSTILE = (
    '<img src=x onerror="window.pwned=1">',
    "<script>window.pwned=2</script>",
    "[click](javascript:window.pwned=3)",
    "![x](https://evil.example/p.png)",
    "$\\href{javascript:window.pwned=4}{x}$ \\(y\\)",
    "\x1b[31mred\x1b]0;title\x07",
    "\"'); DROP TABLE customers;--",
    '=HYPERLINK("https://evil.example")',
    '";open("pwned","w").write("x")#',
    "{{ 7*7 }}{% raw %}",
)  # fmt: skip
SEEN = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); let formulas = 0;
  while (walk.nextNode()) {
    const node = walk.currentNode, inside = node.parentElement.closest('.tex2jax_ignore, script, style');
    // A formula begins and ends in one stretch of text, outside of what says that it holds none.
    if (!inside && /[$][^$]+[$]|\\\\[(]/.test(node.data)) formulas++;
  }
  return { pwned: window.pwned ?? null, formulas, text: document.body.textContent,
    images: [...document.images].filter(i => i.hasAttribute('onerror') || i.src.includes('evil')).length,
    links: [...document.links].filter(a => /javascript|evil/.test(a.href)).length };
}"""
HARMLESS = {"asked": [], "pwned": None, "images": 0, "links": 0, "formulas": 0}


def build(folder, rights):
    """Write a workspace with a person whose every value is hostile, as the account's name, a note and a delivery address."""
    erasing.build(folder, rights=rights)
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("UPDATE customers SET name = ? WHERE id = 1", [HOSTILE[0] + HOSTILE[1]])
        database.executemany("INSERT INTO notes VALUES (?, 1, ?)", list(enumerate(HOSTILE, 100)))
        database.commit()
    return erasing.opened(folder)


def looked_at(browser, html, folder):
    """Open a page as a reader does, and return what came of it: what was asked for, what ran, and the text in sight."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    tab, asked = browser.new_page(), []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("dialog", lambda dialog: asked.append(dialog.message))
    tab.goto(path.as_uri())
    tab.wait_for_timeout(300)
    seen = tab.evaluate(SEEN) | {"asked": [url for url in asked if "evil" in url or url.endswith("/x")]}
    tab.close()
    return seen
