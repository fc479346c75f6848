"""Invented access logs for the bench: as a shop's server writes them, a file a day, and the same always for the same seed.

What makes a log easy or hard to search and to pack is in them: visits of a page with what it loads, each with the page as its
referrer and all of one browser; files of one size, pages of many; people who come back, robots that come often; a quarter of the
visitors on IPv6; search terms, campaign marks and order numbers in queries; not-modified answers, a few who are signed in, broken lines.
"""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LAST = date(2026, 11, 12)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SEARCHED = ["oak+table", "lamp", "wool+rug", "desk+120x60", "m%C3%BCller", "sofa+grey"]
SITE = "https://www.shop.example"
BROKEN = ("203.0.113.9 - - [12/Nov/2026:10:0", "\x16\x03\x01\x02\x00\x01\x00", '- "GET / HTTP/1.1" 400', "")
BROKEN_EVERY = 50_000


def pick(draw, words, n):
    """Draw words, a few of them often and most of them seldom, as visitors do."""
    return pa.array(words).take(pa.array(np.minimum((draw.pareto(0.7, n) * len(words) / 40).astype(int), len(words) - 1)))


def join(*pieces):
    """Return the texts side by side."""
    return pc.binary_join_element_wise(*pieces, "")


def text(numbers):
    """Return numbers as text."""
    return pc.cast(pa.array(numbers), pa.string())


def browsers(draw):
    """Return two thousand browsers: versions times systems, telephones, robots."""
    systems = ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64", "X11; CrOS x86_64 14541.0.0"]
    phones = [
        f"Linux; Android {v}; {m}"
        for v in range(10, 17)
        for m in ("K", "SM-S921B", "SM-A546B", "Pixel 9", "Pixel 8a", "moto g84", "2201117TG", "CPH2609")
    ]
    chrome = [f"Mozilla/5.0 ({s}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36" for v in range(120, 144) for s in systems]
    edge = [f"{c} Edg/{c.split('Chrome/')[1][:3]}.0.{draw.integers(2000, 3999)}.{draw.integers(40, 99)}" for c in chrome[::2]]
    mobile = [
        f"Mozilla/5.0 ({s}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36" for v in range(120, 144) for s in phones
    ]
    apple = [
        f"Mozilla/5.0 ({d}; CPU {o} {a}_{b} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{a}.{b} Mobile/15E148 Safari/604.1"
        for d, o in (("iPhone", "iPhone OS"), ("iPad", "OS")) for a in range(15, 20) for b in range(8)
    ]  # fmt: skip
    fox = [f"Mozilla/5.0 ({s}; rv:{v}.0) Gecko/20100101 Firefox/{v}.0" for v in range(115, 146) for s in systems[:3]]
    robots = [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "curl/8.5.0", "python-requests/2.32.3", "-",
    ]  # fmt: skip
    found = [*chrome, *edge, *mobile, *apple, *fox, *robots]
    return [found[n] for n in draw.permutation(len(found))]


class World:
    """The visitors and the site: `addresses` people who come on one address each."""

    def __init__(self, addresses, seed):
        draw = self.draw = np.random.default_rng(seed)
        v4 = join(
            *(
                piece
                for n in range(4)
                for piece in ([text(draw.integers(1, 224, addresses))] if n == 0 else [".", text(draw.integers(0, 256, addresses))])
            )
        )
        hexes = pa.array([f"{n:x}" for n in range(65_536)])
        groups = [hexes.take(pa.array(draw.integers(1, 65_536, addresses))) for _ in range(5)]
        provider = pa.array(["2a02:8109", "2a01:4b00", "2003:ea", "2001:861", "2600:1700", "2a00:23c8"]).take(
            pa.array(draw.integers(0, 6, addresses))
        )
        v6 = join(provider, *(piece for g in (hexes.take(pa.array(draw.integers(1, 65_536, addresses))), *groups) for piece in (":", g)))
        self.addresses = pc.if_else(pa.array(draw.random(addresses) < 0.25), v6, v4)
        known = browsers(draw)
        self.browsers = pick(draw, known, addresses)
        slugs = [
            f"{a}-{b}-{n}"
            for n, (a, b) in enumerate(
                (a, b)
                for _ in range(100)
                for a in ("oak", "steel", "linen", "glass", "wool")
                for b in ("table", "lamp", "chair", "bowl", "rug", "desk", "shelf", "mirror", "sofa", "clock")
            )
        ]
        self.pages = [
            "/",
            "/cart",
            "/login",
            "/search",
            "/account/orders",
            "/checkout",
            *(f"/c/{s.split('-')[1]}/{n % 9 + 1}" for n, s in enumerate(slugs[:200])),
            *(f"/p/{s}" for s in slugs),
        ]
        digest = ["".join(f"{b:02x}" for b in draw.bytes(4)) for _ in range(90)]
        self.files = [
            f"/static/{k}/{n}.{d}.{e}"
            for d, (k, n, e) in zip(
                digest,
                (
                    (k, n, e)
                    for k, e in (("css", "css"), ("js", "js"), ("fonts", "woff2"))
                    for n in ("main", "vendor", "shop", "theme", "icons", "forms", "cart", "search", "track", "chat")
                ),
                strict=False,
            )
        ] + [f"/media/{d}/{s}_{w}.webp" for d in digest[30:] for s in slugs[:30] for w in (320, 640, 1280)]
        self.syllables = [a + b + c for a in "CjwKgAiuEQL" for b in "abcdefghijklmnopqrstuvwxyz0123456789_-" for c in "ABDJKLMQRSTWYZ2468"]
        self.sizes = draw.integers(400, 240_000, len(self.files))

    def day(self, day, lines):
        """Return a day's lines in the order of their times, as an array of text."""
        draw = self.draw
        views = int(lines / 5) + 50  # a page and what it loads
        visits = views // 4 + 1
        anybody = draw.integers(0, len(self.addresses), visits)
        often = np.minimum(draw.pareto(0.8, visits) * len(self.addresses) / 500, anybody).astype(int)
        visitor = np.where(draw.random(visits) < 0.8, anybody, often)
        started = (draw.beta(2.5, 2.0, visits) * 80_000).astype(int)
        visit = np.sort(draw.integers(0, visits, views))
        at = started[visit] + draw.integers(0, 1_800, views)
        loads = draw.geometric(0.2, views)
        view = np.repeat(np.arange(views), loads)[:lines]
        first = np.r_[True, view[1:] != view[:-1]]
        moment = at[view] + np.where(first, 0, draw.integers(0, 3, len(view)))
        n = len(view)
        page = pick(draw, self.pages, views)
        marks = pa.array(draw.random(views))
        query = pc.case_when(
            pc.make_struct(pc.less(marks, 0.03), pc.less(marks, 0.06), pc.less(marks, 0.09), pc.less(marks, 0.12)),
            join("?gclid=", *(pa.array(self.syllables).take(pa.array(draw.integers(0, len(self.syllables), views))) for _ in range(18))),
            join("?utm_source=newsletter&utm_campaign=autumn&mc_eid=", text(draw.integers(10**9, 10**10, views))),
            join("?q=", pick(draw, SEARCHED, views), "&n=", text(draw.integers(1, 99, views))),
            join("?order=", text(draw.integers(10**7, 10**8, views))), "",
        )  # fmt: skip
        address = join(page, query)
        asset = np.minimum((draw.pareto(0.6, n) * len(self.files) / 60).astype(int), len(self.files) - 1)
        paths = pc.if_else(pa.array(first), address.take(pa.array(view)), pa.array(self.files).take(pa.array(asset)))
        before = pick(
            draw, ["-", "https://www.google.com/", "-", "https://www.bing.com/", "https://news.example.org/article?id=33", SITE + "/"], views
        )
        referrer = pc.if_else(pa.array(first), before.take(pa.array(view)), join(SITE, address).take(pa.array(view)))
        cached = ~first & (draw.random(n) < 0.2)
        odd = draw.random(n)
        status = np.where(cached, 304, np.where(odd < 0.012, 404, np.where(odd < 0.014, 500, np.where(odd < 0.03, 302, 200))))
        size = np.where(cached, 0, np.where(first, 9_000 + draw.integers(0, 60_000, n), self.sizes[asset]))
        method = pc.if_else(pa.array(first & (draw.random(n) < 0.06)), "POST ", "GET ")
        who = pa.array(visitor[visit[view]])
        user = pc.if_else(pa.array(draw.random(visits) < 0.01).take(pa.array(visit[view])), join("user", text(visitor[visit[view]])), "-")
        stamps = pa.array(
            [
                (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=s)).strftime(f"%d/{MONTHS[day.month - 1]}/%Y:%H:%M:%S +0000")
                for s in range(86_400)
            ]
        )
        seconds = np.minimum(moment, 86_399)
        written = join(
            self.addresses.take(who), " - ", user, " [", stamps.take(pa.array(seconds)), '] "', method, paths,
            " HTTP/", pc.if_else(pa.array(draw.random(n) < 0.3), "1.1", "2.0"),
            '" ', text(status), " ", text(size), ' "', referrer, '" "', self.browsers.take(who), '"',
        )  # fmt: skip
        broken = draw.integers(0, n, n // BROKEN_EVERY + 1)
        written = pc.replace_with_mask(written, pa.array(np.isin(np.arange(n), broken)), pa.array(BROKEN * len(broken))[: len(np.unique(broken))])
        return written.take(pa.array(np.argsort(seconds, kind="stable")))


def write(folder: Path, lines, days, addresses, seed=7, *, packed=True):
    """Write plain files to `folder/plain` and, where asked, packed ones to `folder/packed`; return the addresses, the busiest first."""
    world = World(addresses, seed)
    (folder / "plain").mkdir(parents=True, exist_ok=True)
    (folder / "packed").mkdir(exist_ok=True)
    for n in range(days):
        day = LAST - timedelta(days=days - 1 - n)
        raw = "".join(line + "\n" for line in world.day(day, lines // days).to_pylist()).encode()
        name = f"access-{day}.log"
        (folder / "plain" / name).write_bytes(raw)
        if packed:
            (folder / "packed" / f"{name}.gz").write_bytes(gzip.compress(raw, 6, mtime=0))
    return world.addresses.to_pylist()


if __name__ == "__main__":
    import sys

    found = write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    (Path(sys.argv[1]) / "addresses").write_text("\n".join(found))
