"""Pinyin initials of a name (林立夏: llx), for finding people by what one hears."""

from __future__ import annotations

from functools import cache

from pypinyin import Style, lazy_pinyin

# As surnames they are read otherwise than as words.
_SURNAMES = {
    "单": "s", "曾": "z", "仇": "q", "查": "z", "解": "x", "区": "o", "种": "c", "乐": "y", "翟": "z", "尉": "w",
    "折": "s", "员": "y", "盖": "g", "朴": "p", "缪": "m", "覃": "q", "召": "s", "繁": "p", "黑": "h", "句": "g",
    "洗": "x", "褚": "c", "隗": "w", "郗": "x", "牟": "m", "佴": "n", "晟": "c", "贲": "b", "祭": "z", "逄": "p",
}  # fmt: skip
_TWO = {"尉迟": "yc", "万俟": "mq", "澹台": "tt", "单于": "cy", "长孙": "zs", "令狐": "lh", "夏侯": "xh"}
LONGEST = 20


@cache
def _letter(char: str) -> str:
    """The letter of one character; empty for what has none: a dot, a character pypinyin does not know."""
    letter = "".join(lazy_pinyin(char, style=Style.FIRST_LETTER))[:1].lower()
    return letter if letter.isascii() and letter.isalpha() else ""


def initials(name: str) -> str:
    """At most twenty small letters; the surname as surnames are read."""
    two = _TWO.get(name[:2])
    if two:
        return (two + "".join(map(_letter, name[2:])))[:LONGEST]
    first = _SURNAMES.get(name[:1]) or _letter(name[:1])
    return (first + "".join(map(_letter, name[1:])))[:LONGEST]
