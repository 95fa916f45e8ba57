"""The figures as a picture: for each case a bar per proxy, its cost as a multiple of the floor's."""

from xml.sax.saxutils import escape

from tests.bench import proxies
from tests.bench.cases import CASES

WIDTH, LEFT, RIGHT = 860, 150, 60
BAR, GAP, TITLE = 16, 4, 40
RATIO_MAX = 5.0  # bars beyond are cut, with their number beside
COLORS = {"floor": "#9aa4b2", "spawner": "#2f7d4f"}
OTHERS = "#b7c6e0"


def _x(ratio):
    return LEFT + (WIDTH - LEFT - RIGHT) * min(ratio, RATIO_MAX) / RATIO_MAX


def _bar(figures, peer, case, y):
    ratio = figures.ratio(peer, case)
    label = proxies.PEERS[peer].title.replace("a relay that parses nothing", "relay (floor)")
    parts = ['<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, y + 12, escape(label))]
    if ratio is None:
        return parts + ['<text x="%d" y="%d">not measured</text>' % (LEFT + 4, y + 12)]
    parts.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' % (
        LEFT, y, _x(ratio.value) - LEFT, BAR, COLORS.get(peer, OTHERS)))
    parts.append('<path d="M%.1f %dH%.1f" stroke="#334" stroke-width="1.5"/>' % (
        _x(ratio.low), y + BAR // 2, _x(ratio.high)))
    disturbed = " *" if figures.is_disturbed(peer, case) else ""
    parts.append('<text x="%.1f" y="%d">%.2f%s</text>' % (
        max(_x(ratio.value), _x(ratio.high)) + 6, y + 12, ratio.value, disturbed))
    return parts


def _unit(case):
    """What the bars are, where it is not CPU time beside the floor."""
    if case.base == "floor" and case.cost == "cpu_us":
        return ""
    return " (%s; %s = 1)" % (case.cost_title, case.base)


def svg(figures):
    cases = [case for case in figures.cases if CASES[case].base != "spawner"]
    body, y = [], 56
    for case in cases:
        body.append('<text x="16" y="%d" font-weight="600">%s</text>' % (
            y, escape("%s: %s%s" % (case, CASES[case].title, _unit(CASES[case])))))
        y += 8
        for peer in figures.peers:
            if figures.rows(peer, case):
                body += _bar(figures, peer, case, y)
                y += BAR + GAP
        y += TITLE - GAP
    floor_line = '<path d="M%.1f 44V%d" stroke="#889" stroke-dasharray="3 3"/>' % (_x(1), y - 30)
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, '
        'sans-serif" font-size="12.5">' % (WIDTH, y),
        "<title>CPU time of each proxy as a multiple of the floor's</title>",
        '<rect width="%d" height="%d" fill="#fff"/>' % (WIDTH, y),
        '<text x="16" y="26" font-size="15" font-weight="600">CPU time of the proxy, floor = 1 '
        "(median of the rounds; line: its interval; *: disturbed, see peers.md)</text>",
        floor_line, *body, "</svg>", ""])
