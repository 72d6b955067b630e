"""An SVG of matplotlib's as a part of a page: with ids of its own, and words for it."""

import re
from html import escape
from typing import Final

from benchmarks.drawing.paper import Drawn

_LEFT_OUT: Final = re.compile(
    r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->|<defs>\s*</defs>",
    re.DOTALL,
)
_NAMESPACES: Final = re.compile(r"\sxmlns(?::\w+)?=\"[^\"]*\"")
_REFERRED: Final = re.compile(r"(\sid=\"|href=\"#|url\(#)")
_SIZE: Final = re.compile(r"<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>")


def inlined(drawn: Drawn) -> str:
    """Return a picture as one element of an HTML page.

    A page holds many of them: each one's ids get its name in front. Its rules of style
    are left to the page, for they would hold for all of it.
    """
    text = drawn.svg[drawn.svg.index("<svg") :]
    text = _NAMESPACES.sub("", _LEFT_OUT.sub("", text))
    text = _REFERRED.sub(rf"\g<1>{drawn.name}-", text)
    words = escape(drawn.alt)
    head = rf'<svg \1 role="img" aria-label="{_plain(words)}">'
    return _SIZE.sub(head, text, count=1).strip()


def _plain(words: str) -> str:
    """Return words that a substitution takes as they are."""
    return words.replace("\\", r"\\")
