"""HTML in titles, descriptions and tags becomes plain text.

In:   a series of texts, or of lists of texts.
Out:  the same with entities decoded and tags removed, and how many texts were changed.

What is no HTML stays as it is: ``AT&T``, ``a < b``, ``I <3 you``, ``List<int>``, ``<Untitled>``.
Only entities with their semicolon and the names of HTML's own elements count, and an attribute
must have a value unless HTML defines it without one (``<td nowrap>``). Scripts, styles and comments
go with their content; the content of a CDATA section stays. Entities that were escaped
twice (``&amp;amp;``), and tags that were escaped once (``&lt;br&gt;``), are decoded as well.
"""

from __future__ import annotations

import html
import re
from html.entities import html5

import polars as pl

__all__ = ["plain_lists", "plain_text", "plain_texts"]

_SUSPECT = r"&(#|[A-Za-z])|<[/!?A-Za-z]"
"""Texts without a match are not looked at any closer."""
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNSEEN = re.compile(
    r"<(script|style)\b[^>]{0,500}>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)"
    r"|<!doctype\b[^>]{0,500}>|<\?xml\b[^>]{0,500}>",
    re.IGNORECASE | re.DOTALL,
)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|nobr|q|"
    "rp|rt|ruby|s|samp|small|span|strike|strong|sub|sup|time|tt|u|var|wbr"
)
_BLOCK = (
    "address|applet|area|article|aside|audio|base|basefont|blockquote|body|br|button|canvas|"
    "caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|embed|fieldset|figcaption|"
    "figure|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hgroup|hr|html|iframe|"
    "img|input|legend|li|link|main|map|menu|meta|nav|noframes|noscript|object|ol|optgroup|"
    "option|output|p|param|picture|pre|progress|script|section|select|source|style|summary|"
    "svg|table|tbody|td|template|textarea|tfoot|th|thead|title|tr|track|ul|video"
)
_ALONE = (
    "allowfullscreen|async|autofocus|autoplay|checked|compact|controls|default|defer|disabled|"
    "download|hidden|ismap|loop|multiple|muted|nohref|noresize|noshade|novalidate|nowrap|open|"
    "playsinline|readonly|required|reversed|selected"
)
_ATTRIBUTE = (
    r"""\s+(?:[a-zA-Z_:][-\w:.]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+)"""
    rf"""|(?:{_ALONE})(?=[\s/>]))"""
)
_TAG = re.compile(rf"</?(?:({_INLINE})|{_BLOCK})(?:{_ATTRIBUTE})*\s*/?>", re.IGNORECASE)
_ROUNDS = 3


def plain_text(text: str) -> str:
    """One text without HTML.

    Example:
        >>> plain_text("Salt &amp;amp; <b>Pepper</b><br>a < b")
        'Salt & Pepper a < b'
    """
    plain = _CDATA.sub(r"\1", text)
    for _ in range(_ROUNDS):
        before = plain
        plain = _ENTITY.sub(_decode, _TAG.sub(_space, _UNSEEN.sub(" ", plain)))
        if plain == before:
            break
    return text if plain == text else plain.replace("\xa0", " ").strip()


def plain_texts(texts: pl.Series) -> tuple[pl.Series, int]:
    """A series of texts without HTML, and how many of them had some."""
    places = texts.str.contains(_SUSPECT).fill_null(value=False).arg_true()
    before = texts.gather(places).to_list()
    after = [plain_text(text) for text in before]
    changed = sum(old != new for old, new in zip(before, after, strict=True))
    return (texts.scatter(places, after) if changed else texts), changed


def plain_lists(lists: pl.Series) -> tuple[pl.Series, int]:
    """A series of lists of texts without HTML, and how many of the texts had some."""
    texts = lists.explode().drop_nulls()
    # The same tags stand at many items.
    suspects = texts.filter(texts.str.contains(_SUSPECT)).unique().to_list()
    plain = {old: new for old in suspects if (new := plain_text(old)) != old}
    if not plain:
        return lists, 0
    changed = int(texts.is_in(list(plain)).sum())
    return lists.list.eval(pl.element().replace(plain)), changed


def _space(tag: re.Match[str]) -> str:
    """A break between words where the element makes one on a page."""
    return "" if tag[1] else " "


def _decode(entity: re.Match[str]) -> str:
    known = entity[0][1] == "#" or entity[0][1:] in html5
    return html.unescape(entity[0]) if known else entity[0]
