# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Two charts of a machine's figures (figures.py) as SVG: throughput by frame size, and round trips.

They can be read on a telephone, text stays text, and a link is told by colour, by marker or pattern,
and by its name beside it. The colours are near those of Okabe and Ito, for colour-blind readers.
"""

import textwrap
from xml.sax.saxutils import escape

import figures

WIDTH = 480
FONT = "-apple-system, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
THEMES = {
    "light": {"page": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "grid": "#e2e5e9"},
    "dark": {"page": "#0d1117", "ink": "#e6edf3", "soft": "#9198a1", "grid": "#2b323b"},
}
# link: (light colour, dark colour, dash pattern, marker, width of the line)
STYLES = {
    "shmbus": ("#0072b2", "#56b4e9", "", "circle", 3.5),
    "memif": ("#d55e00", "#ff8c42", "", "square", 2.5),
    "vhost": ("#008f68", "#2ec99b", "", "triangle", 2),
    "vhost-sends": ("#008f68", "#2ec99b", "6 3", "corner", 2),
    "shmif": ("#a8559a", "#dd8fc0", "", "diamond", 2),
    "ring": ("#6e7781", "#8b949e", "2 3", "none", 2),
    "null": ("#6e7781", "#8b949e", "7 4", "none", 2),
}
OTHER = ("#59636e", "#9198a1", "", "none", 1.5)


class Svg:
    """A drawing: elements, one per line."""

    def __init__(self, height, theme, title, description):
        self.theme = THEMES[theme]
        self.dark = theme == "dark"
        self.height = height
        self.lines = [f"<title>{escape(title)}</title>", f"<desc>{escape(description)}</desc>",
                      f'<rect width="{WIDTH}" height="{height}" fill="{self.theme["page"]}"/>']

    def add(self, tag, **attributes):
        text = " ".join(f'{key.replace("_", "-")}="{self._value(value)}"'
                        for key, value in attributes.items() if value not in (None, ""))
        self.lines.append(f"<{tag} {text}/>")

    @staticmethod
    def _value(value):
        return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else value

    def text(self, x, y, text, size=14, anchor="start", colour="ink", weight=None):
        bold = f' font-weight="{weight}"' if weight else ""
        self.lines.append(f'<text x="{self._value(float(x))}" y="{self._value(float(y))}" '
                          f'font-size="{size}" text-anchor="{anchor}" '
                          f'fill="{self.theme.get(colour, colour)}"{bold}>{escape(text)}</text>')

    def style(self, link):
        light, dark, dash, marker, width = STYLES.get(link, OTHER)
        return dark if self.dark else light, dash, marker, width

    def marker(self, kind, x, y, colour):
        r = 4.5
        shapes = {"square": f"M{x-r:.1f} {y-r:.1f}h{2*r}v{2*r}h-{2*r}z",
                  "triangle": f"M{x:.1f} {y-r-1:.1f}l{r+1} {2*r}h-{2*r+2}z",
                  "corner": f"M{x:.1f} {y+r+1:.1f}l{r+1} -{2*r}h-{2*r+2}z",
                  "diamond": f"M{x:.1f} {y-r-1.5:.1f}l{r+1.5} {r+1.5}l-{r+1.5} {r+1.5}"
                             f"l-{r+1.5} -{r+1.5}z"}
        if kind == "circle":
            self.add("circle", cx=float(x), cy=float(y), r=r + 0.5, fill=colour)
        elif kind in shapes:
            self.add("path", d=shapes[kind], fill=colour)

    def heading(self, title, lines):
        """Title and card; returns where the next element may begin."""
        self.text(14, 28, title, size=18, weight=600)
        y = 48
        for line in lines:
            self.text(14, y, line, size=12.5, colour="soft")
            y += 16
        return y

    def __str__(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" '
                f'width="{WIDTH}" height="{self.height}" role="img" font-family="{FONT}">\n'
                + "\n".join(self.lines) + "\n</svg>\n")


def card_lines(machine, kind):
    """The machine and its conditions, in lines that fit."""
    card = machine["card"]
    conditions = [f"Linux {card['kernel']}", f"DPDK {card['dpdk']}", figures.KINDS[kind],
                  figures.near_text(machine), card["date"]]
    return textwrap.wrap(machine["title"], 70) + textwrap.wrap(
        ", ".join(filter(None, conditions)), 70)


def nice_step(top, steps=6):
    """A round step of an axis that ends at `top`."""
    step = 10.0 ** -6
    while True:
        for factor in (1, 2, 2.5, 5):
            if top / (step * factor) <= steps:
                return step * factor
        step *= 10


def spread(wanted, gap, low, high):
    """Places at least `gap` apart, in the order of the wanted ones and near them."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    places = [0.0] * len(wanted)
    last = low - gap
    for i in order:
        last = places[i] = max(wanted[i], last + gap)
    last = high + gap
    for i in reversed(order):
        last = places[i] = min(places[i], last - gap)
    return places


# Throughput

LEFT, RIGHT = 46, 298  # of the plot; the names stand beside it
PLOT_HEIGHT = 300


def throughput(machine, theme):
    """Millions of frames per second by frame size, a line per link."""
    kind = figures.kinds(machine)[0]
    names = [name for name in figures.links(machine, "throughput", kind)
             if figures.ALL_LINKS[name].charted]
    sizes = figures.cases(machine, "throughput", kind)
    card = card_lines(machine, kind)
    top = 48 + 16 * len(card) + 34
    svg = Svg(top + PLOT_HEIGHT + 52, theme, "Throughput", figures.alt_throughput(machine))
    svg.heading("Frames between two processes", card)
    svg.text(14, top - 14, "million frames per second; more is better", size=13, colour="soft")
    highest = max(row["rx_mpps"] for row in machine["throughput"]
                  if row["memory"] == kind and row["link"] in names)
    step = nice_step(highest * 1.05)
    limit = step * -(-highest * 1.02 // step)

    def x_of(size):
        return LEFT + 14 + (RIGHT - LEFT - 28) * sizes.index(size) / max(1, len(sizes) - 1)

    def y_of(value):
        return top + PLOT_HEIGHT * (1 - value / limit)

    for i in range(round(limit / step) + 1):
        y = y_of(i * step)
        svg.add("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, stroke=svg.theme["grid"])
        svg.text(LEFT - 8, y + 4.5, f"{i * step:g}", size=13, anchor="end", colour="soft")
    for size in sizes:
        svg.text(x_of(size), top + PLOT_HEIGHT + 20, str(size), size=13, anchor="middle",
                 colour="soft")
    svg.text((LEFT + RIGHT) / 2, top + PLOT_HEIGHT + 41, "bytes per frame", size=13,
             anchor="middle", colour="soft")
    _lines(svg, machine, kind, names, sizes, x_of, y_of, (top + 8, top + PLOT_HEIGHT))
    return str(svg)


def _lines(svg, machine, kind, names, sizes, x_of, y_of, bounds):
    """The lines, the most important one last and so on top, and the names at their ends."""
    points = {}
    for name in names:
        values = [(size, figures.rate(machine, kind, name, size)) for size in sizes]
        points[name] = [(x_of(size), y_of(value)) for size, value in values if value is not None]
    ends = spread([points[name][-1][1] for name in names], 19, *bounds)
    for name, place in list(zip(names, ends))[::-1]:
        colour, dash, marker, width = svg.style(name)
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points[name])
        svg.add("path", d=path, fill="none", stroke=colour, stroke_width=width,
                stroke_dasharray=dash, stroke_linejoin="round")
        for x, y in points[name]:
            svg.marker(marker, x, y, colour)
        x, y = points[name][-1]
        svg.add("path", d=f"M{x + 8:.1f} {y:.1f}L{RIGHT + 8} {place:.1f}h6", fill="none",
                stroke=colour, stroke_width=1)
        svg.text(RIGHT + 18, place + 4.5, figures.TITLES[name], size=13.5,
                 weight=600 if name == "shmbus" else None)


# Round trips

NAMES, BARS, VALUES = 14, 150, 466  # where names, bars and values stand
ROW, BAR = 20, 13


def latency(machine, theme):
    """Median round trips by link as bars, a panel per burst, and lines to the 99th percentile."""
    kind = figures.kinds(machine, "latency")[0]
    names = [name for name in figures.links(machine, "latency", kind)
             if figures.ALL_LINKS[name].charted]
    cases = figures.cases(machine, "latency", kind)
    bursts = sorted({burst for _, burst in cases})
    sizes = sorted({size for size, _ in cases})
    card = card_lines(machine, kind)
    rows = len(bursts) * (len(names) * (len(sizes) * ROW + 8) + 66)
    svg = Svg(48 + 16 * len(card) + rows + 20, theme, "Round trips", figures.alt_latency(machine))
    y = svg.heading("Round trips between two processes", card) + 14
    for burst in bursts:
        y = _panel(svg, machine, kind, names, sizes, burst, y)
    return str(svg)


def _panel(svg, machine, kind, names, sizes, burst, y):
    """The round trips of one burst; returns where the next panel may begin."""
    def values(key):
        return {(name, size): figures.trip(machine, kind, name, size, burst, key)
                for name in names for size in sizes}
    p50, p99 = values("p50_ns"), values("p99_ns")
    tails = any(value is not None for value in p99.values())
    frames = "single frames" if burst == 1 else f"bursts of {burst} frames"
    svg.text(NAMES, y + 14, f"{frames}; less is better", size=15, weight=600)
    svg.text(VALUES, y + 14, "p50 / p99 µs" if tails else "p50 µs", size=13, anchor="end",
             colour="soft")
    y += 26
    right = VALUES - (92 if tails else 46)
    step = nice_step(1.15 * max(value for value in p50.values() if value is not None), 4)
    limit = step * -(-1.15 * max(value for value in p50.values() if value is not None) // step)
    scale = (right - BARS) / limit
    bottom = y + len(names) * (len(sizes) * ROW + 8)
    for i in range(round(limit / step) + 1):
        x = BARS + i * step * scale
        svg.add("line", x1=x, x2=x, y1=y - 2, y2=bottom - 4, stroke=svg.theme["grid"])
        svg.text(x, bottom + 11, f"{i * step:g}" + (" µs" if i == round(limit / step) else ""),
                 size=12.5, anchor="middle", colour="soft")
    for name in names:
        title, _, more = figures.TITLES[name].partition(" (")
        svg.text(NAMES, y + 11, title, size=13.5, weight=600 if name == "shmbus" else None)
        if more:
            svg.text(NAMES, y + 11 + ROW, more.rstrip(")"), size=12.5, colour="soft")
        for size in sizes:
            _bar(svg, name, size, p50[name, size], p99[name, size], y, scale, right, sizes[0])
            y += ROW
        y += 8
    return y + 40


def _bar(svg, name, size, p50, p99, y, scale, right, first):
    colour, *_ = svg.style(name)
    svg.text(BARS - 8, y + 11, f"{size} B", size=12.5, anchor="end", colour="soft")
    if p50 is None:
        return
    end = BARS + p50 * scale
    svg.add("rect", x=BARS, y=float(y), width=end - BARS, height=BAR, fill=colour,
            fill_opacity=None if size == first else 0.6)
    if p99 is not None:
        tail = min(BARS + p99 * scale, right + 6)
        middle = y + BAR / 2
        svg.add("path", d=f"M{end:.1f} {middle:.1f}H{tail:.1f}", stroke=colour, stroke_width=1.5)
        tip = f"M{tail - 5:.1f} {middle - 4:.1f}l5 4l-5 4" if tail > right else \
            f"M{tail:.1f} {middle - 4:.1f}v8"  # an arrow where the line goes on
        svg.add("path", d=tip, stroke=colour, stroke_width=1.5, fill="none")
    text = figures.microseconds(p50)
    if p99 is not None:
        text += f" / {figures.microseconds(p99)}"
    svg.text(VALUES, y + 11, text, size=13, anchor="end")


CHARTS = {"throughput": throughput, "latency": latency}


def of_machine(name, machine):
    """{file name: text} of the charts of a machine."""
    return {f"{name}-{what}-{theme}.svg": draw(machine, theme)
            for what, draw in CHARTS.items() if machine[what] for theme in THEMES}
