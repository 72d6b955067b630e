"""All that a run found as one page of HTML: it needs no network, no script, no font.

Tables of virtual time and of the wall clock stand apart. A missed target is said in
words as well as in red.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from benchmarks.drawing.inline import inlined
from benchmarks.drawing.paper import Drawn
from benchmarks.report import TITLES, Answer, Place, Unanswered, judged, show
from benchmarks.values import Clock, Row, Spread

STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto;
  padding: 1rem; color: #1a1a1a; background: #fff; }
a { color: #0b3d91; }
nav ul { columns: 3 16rem; }
section { border-top: 1px solid #999; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; margin: 1rem 0; width: 100%; }
caption { text-align: left; font-weight: bold; padding: .3rem 0; }
th, td { padding: .2rem .6rem; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid #777; }
tbody { border-bottom: 1px solid #bbb; }
tbody th { font-weight: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.note { color: #444; font-style: italic; }
.missed { color: #b00020; font-weight: bold; }
.met { color: #14532d; }
figure { margin: 1.5rem 0; }
figure svg { background: #fff; max-width: 100%; height: auto; width: 56rem;
  stroke-linejoin: round; stroke-linecap: butt; }
figcaption { font-size: .85rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dd { margin: 0; }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8e8; background: #161616; }
  a { color: #9ec1ff; }
  .note { color: #bbb; }
  .missed { color: #ff8a8a; }
  .met { color: #8fd6a5; }
}
"""
COLUMNS: Final = ("measure", "whose", "runs", "median", "p90", "worst", "ratio")
NUMBER: Final = ' class="number"'
READING: Final = (
    "p90 and worst are over the runs; never is worse than any figure. A ratio is our"
    " median over the peer's, so below 1 is less; there is none where one of them is"
    " never, or the peer's is 0."
)


def page(
    where: Place,
    command: str,
    answers: Sequence[Answer],
    pictures: Mapping[str, Sequence[Drawn]],
    unanswered: Sequence[Unanswered] = (),
) -> str:
    """Return the page of a run; `pictures` are those of each question, by its name."""
    parts = (_section(answer, pictures.get(answer.name, ())) for answer in answers)
    body = "\n".join((_opening(where, command), _contents(answers, unanswered), *parts))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Browsers ask for an icon of their own accord, unless they are given one.
        '<link rel="icon" href="data:,">\n'
        f"<title>swarmnet benchmarks, commit {escape(where.commit)}</title>\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _opening(where: Place, command: str) -> str:
    told = {
        "command": f"<code>{escape(command)}</code>",
        "machine": escape(where.machine),
        "Python": escape(where.python),
        "commit": f"<code>{escape(where.commit)}</code>",
    }
    pairs = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in told.items())
    return (
        f"<header>\n<h1>swarmnet benchmarks</h1>\n<dl>{pairs}</dl>\n"
        f"<p>{escape(READING)}</p>\n</header>"
    )


def _contents(answers: Sequence[Answer], unanswered: Sequence[Unanswered]) -> str:
    items = "".join(f"<li>{_entry(answer)}</li>\n" for answer in answers)
    items += "".join(
        f'<li>{escape(one.name)} <span class="missed">no answer: {escape(one.why)}'
        "</span></li>\n"
        for one in unanswered
    )
    return (
        '<nav aria-labelledby="contents">\n<h2 id="contents">Questions</h2>\n'
        f"<ul>\n{items}</ul>\n</nav>\n"
    )


def _entry(answer: Answer) -> str:
    name = escape(answer.name)
    count = sum(
        not judged(row, target)[1] for row in answer.rows for target in row.targets
    )
    missed = f' <span class="missed">{count} missed</span>' if count else ""
    return f'<a href="#{name}">{name}</a>{missed}'


def _section(answer: Answer, pictures: Sequence[Drawn]) -> str:
    name = escape(answer.name)
    tables = (_table(answer, clock) for clock in Clock)
    figures = (_figure(one) for one in pictures)
    inside = "\n".join(filter(None, (*tables, *figures)))
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{name}</h2>\n'
        f"<p>{escape(answer.asks)}</p>\n{inside}\n</section>"
    )


def _figure(drawn: Drawn) -> str:
    title = f"<strong>{escape(drawn.title)}</strong>"
    return (
        f"<figure>\n{inlined(drawn)}\n"
        f"<figcaption>{title} ({escape(drawn.note)})</figcaption>\n</figure>"
    )


def _table(answer: Answer, clock: Clock) -> str:
    """Return the table of one kind of clock, or nothing."""
    rows = [row for row in answer.rows if row.clock is clock]
    if not rows:
        return ""
    heads = "".join(
        f'<th scope="col"{NUMBER if name in COLUMNS[2:] else ""}>{name}</th>'
        for name in (*COLUMNS, "target")
    )
    caption = f"{escape(answer.name)}: {TITLES[clock]}"
    body = "\n".join(_bodies(rows))
    return (
        f'<div class="scroll"><table>\n<caption>{caption}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n{body}\n</table></div>"
    )


def _bodies(rows: Sequence[Row]) -> Iterable[str]:
    """Yield each row; a note that its predecessor has is said once."""
    note = ""
    for row in rows:
        yield _body(row, row.note if row.note != note else "")
        note = row.note


def _body(row: Row, note: str) -> str:
    ratio = row.ratio()
    lines = 1 + (row.peer is not None)
    measure = f"{row.measure} ({row.unit})" if row.unit else row.measure
    span = f' rowspan="{lines}"' if lines > 1 else ""
    shown = "" if ratio is None else f"{ratio:.3g}"
    trs = [
        f'<tr><th scope="rowgroup"{span}>{escape(measure)}</th>{_cells(row.ours)}'
        f"<td{NUMBER}{span}>{shown}</td><td{span}>{_verdicts(row)}</td></tr>"
    ]
    if row.peer is not None:
        trs.append(f"<tr>{_cells(row.peer)}</tr>")
    if note:
        trs.append(f'<tr><td class="note" colspan="8">{escape(note)}</td></tr>')
    if row.violations:
        broken = f"in {row.violations} runs a rule was broken"
        trs.append(f'<tr><td class="missed" colspan="8">{broken}</td></tr>')
    return f"<tbody>{''.join(trs)}</tbody>"


def _verdicts(row: Row) -> str:
    verdicts = (judged(row, target) for target in row.targets)
    return "<br>".join(
        f'<span class="{"met" if is_met else "missed"}">{escape(text)}</span>'
        for text, is_met in verdicts
    )


def _cells(spread: Spread) -> str:
    figures = (spread.median, spread.p90, spread.worst)
    shown = ("" if value is None else show(value) for value in figures)
    numbers = "".join(
        f"<td{NUMBER}>{text}</td>" for text in (f"{spread.runs:,}", *shown)
    )
    return f"<td>{escape(spread.name)}</td>{numbers}"
