"""Figures of networks: boxes on a grid of five columns and arrows between them, as SVG.

A description is a YAML file:

    boxes:
      frames: {at: [0, 0], kind: input, text: [frames]}        # column, row
      backbone: {at: [1, 0], kind: image, text: [PVTv2-B5, 4 levels]}
    arrows:
      - frames > backbone
      - backbone > decoder | hvh 8 -8 | memory                 # route with shifts, label

A route is a sequence of horizontal and vertical parts; without one it follows from the places.
`over` and `under` run around the boxes between. A shift moves the point where the arrow leaves or
enters along the side of its box, a third one moves the middle part. The picture brings its own
background, so that it is legible on a dark page too.
"""

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import yaml

WIDTH, MARGIN = 800, 10
BOX_WIDTH, BOX_HEIGHT = 132, 54
GAP_X, GAP_Y = 30, 40
LEGEND = 40
COLUMNS = 5
LINE = 16  # between lines of text
NAME_CHARACTER, CHARACTER = 7.4, 6.4  # mean widths of the first line and the others
# Fill and edge; distinguishable by lightness as well.
KINDS = {
    'input': ('#ffffff', '#57606a', 'input'),
    'image': ('#cfe4f7', '#2166ac', 'image'),
    'audio': ('#fde0b8', '#b35806', 'audio'),
    'fusion': ('#dcefd8', '#1b7837', 'image and audio'),
    'output': ('#e9d9ee', '#762a83', 'prediction'),
}
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box of the figure.

    Attributes:
        at: Column and row.
        kind: One of `KINDS`.
        text: Its lines.
    """

    at: tuple[int, int]
    kind: str
    text: list[str]

    @property
    def left(self) -> float:
        """Its left edge in pixels."""
        return MARGIN + self.at[0] * (BOX_WIDTH + GAP_X)

    @property
    def top(self) -> float:
        """Its upper edge in pixels."""
        return GAP_Y / 2 + MARGIN + self.at[1] * (BOX_HEIGHT + GAP_Y)

    @property
    def text_width(self) -> float:
        """Estimated width of its longest line in pixels."""
        first, *others = self.text
        return max([len(first) * NAME_CHARACTER, *(len(line) * CHARACTER for line in others)])

    def side(self, name: str, shift: float = 0) -> Point:
        """The middle of a side, moved along it."""
        x, y = self.left + BOX_WIDTH / 2, self.top + BOX_HEIGHT / 2
        return {
            'left': (self.left, y + shift),
            'right': (self.left + BOX_WIDTH, y + shift),
            'top': (x + shift, self.top),
            'bottom': (x + shift, self.top + BOX_HEIGHT),
        }[name]

    def svg(self) -> str:
        """Rectangle and text."""
        fill, edge, _ = KINDS[self.kind]
        x, y = self.left + BOX_WIDTH / 2, self.top + BOX_HEIGHT / 2
        first = y - (len(self.text) - 1) * LINE / 2 + 4.5
        lines = ''.join(
            f'<text x="{x:g}" y="{first + index * LINE:g}"'
            f'{" class=" + chr(34) + "name" + chr(34) if index == 0 else ""}>{escape(line)}</text>'
            for index, line in enumerate(self.text)
        )
        return (
            f'<rect x="{self.left:g}" y="{self.top:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
            f'rx="6" fill="{fill}" stroke="{edge}"/>{lines}'
        )


def read_figure(path: Path) -> tuple[dict[str, Box], list[str]]:
    """Boxes by their names, and arrows."""
    content = yaml.safe_load(path.read_text())
    boxes = {
        name: Box(tuple(box['at']), box['kind'], [str(line) for line in box['text']])
        for name, box in content['boxes'].items()
    }
    return boxes, content['arrows']


def draw(path: Path) -> str:
    """The SVG of a description."""
    boxes, arrows = read_figure(path)
    rows = 1 + max(box.at[1] for box in boxes.values())
    height = 2 * MARGIN + rows * (BOX_HEIGHT + GAP_Y) + LEGEND
    title = f'Architecture of {path.stem}'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{title}">',
        '<style>text{font:12px system-ui,"DejaVu Sans",sans-serif;text-anchor:middle;fill:#1f2328}'
        '.name{font-size:13px;font-weight:600}.label{font-size:12px;font-style:italic;fill:#424a53;'
        'paint-order:stroke;stroke:#fbfbfa;stroke-width:4px}.legend{text-anchor:start}'
        'path{fill:none;stroke:#424a53;stroke-width:1.6}</style>',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#424a53;stroke:none"/>'
        '</marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fbfbfa"/>',
        *(_arrow(arrow, boxes) for arrow in arrows),
        *(box.svg() for box in boxes.values()),
        _legend({box.kind for box in boxes.values()}, height - LEGEND + 8),
        '</svg>',
    ]
    return '\n'.join(parts) + '\n'


def _legend(kinds: set[str], top: float) -> str:
    parts, x = [], MARGIN
    for kind, (fill, edge, text) in KINDS.items():
        if kind in kinds:
            parts.append(
                f'<rect x="{x:g}" y="{top}" width="18" height="14" rx="3" fill="{fill}" '
                f'stroke="{edge}"/><text x="{x + 24:g}" y="{top + 12}" class="legend">{text}</text>'
            )
            x += 24 + len(text) * CHARACTER + 26
    return ''.join(parts)


def _arrow(arrow: str, boxes: dict[str, Box]) -> str:
    ends, *options = (part.strip() for part in arrow.split('|'))
    first, second = (boxes[name.strip()] for name in ends.split('>'))
    route, *numbers = options[0].split() if options and options[0] else [_route(first, second)]
    shifts = [*map(float, numbers), 0.0, 0.0, 0.0][:3]
    points = _points(first, second, route, shifts)
    line = 'M' + 'L'.join(f'{x:g} {y:g}' for x, y in points)
    svg = f'<path d="{line}" marker-end="url(#head)"/>'
    if len(options) > 1 and options[1]:
        x, y = _label_place(points)
        svg += f'<text x="{x:g}" y="{y:g}" class="label">{escape(options[1])}</text>'
    return svg


def _route(first: Box, second: Box) -> str:
    if first.at[1] == second.at[1]:
        return 'h'
    return 'v' if first.at[0] == second.at[0] else 'hvh'


def _points(first: Box, second: Box, route: str, shifts: list[float]) -> list[Point]:
    out, into, middle = shifts
    right, down = first.at[0] <= second.at[0], first.at[1] <= second.at[1]
    if route in ('over', 'under'):
        side, way = ('top', -1) if route == 'over' else ('bottom', 1)
        start, end = first.side(side, out), second.side(side, into)
        y = start[1] + way * (14 + middle)
        return [start, (start[0], y), (end[0], y), end]
    horizontal = ('right', 'left') if right else ('left', 'right')
    vertical = ('bottom', 'top') if down else ('top', 'bottom')
    start = first.side((horizontal if route[0] == 'h' else vertical)[0], out)
    end = second.side((horizontal if route[-1] == 'h' else vertical)[1], into)
    if route == 'hvh':
        x = end[0] + (-1 if right else 1) * GAP_X / 2 + middle
        return [start, (x, start[1]), (x, end[1]), end]
    if route == 'vhv':
        y = end[1] + (-1 if down else 1) * GAP_Y / 2 + middle
        return [start, (start[0], y), (end[0], y), end]
    corner = {'hv': [(end[0], start[1])], 'vh': [(start[0], end[1])]}
    return [start, *corner.get(route, []), end]


def _label_place(points: list[Point]) -> Point:
    """Above the middle of the longest horizontal part, or on the longest vertical one."""
    pairs = zip(points, points[1:], strict=False)
    flat = [(abs(b[0] - a[0]), a, b) for a, b in pairs]  # 0 for vertical parts
    length, a, b = max(flat)
    if length > GAP_X or len(points) == 2 and a[1] == b[1]:
        return (a[0] + b[0]) / 2, a[1] - 5
    pairs = zip(points, points[1:], strict=False)
    _, a, b = max((abs(b[1] - a[1]), a, b) for a, b in pairs)
    return a[0], (a[1] + b[1]) / 2 + 4
