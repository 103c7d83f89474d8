"""Money is an integer number of fen (分). Yuan exist only in forms, templates and files."""

import re
from decimal import ROUND_HALF_UP, Decimal

MAX_FEN = 10**13  # 1,000 亿元: anything above is a typing mistake
_YUAN = re.compile(r"[+-]?\d{1,12}(\.\d{1,2})?\Z", re.ASCII)


class AmountError(ValueError):
    """The text is not an amount in yuan with at most two decimals."""


def parse_yuan(text: str) -> int:
    """Fen from a plain yuan text such as ``1200`` or ``1,200.50``; raises AmountError.

    Only ASCII digits, one optional sign, thousands commas in the right places and at most
    two decimals pass; nothing is rounded and nothing is guessed.
    """
    plain = text.strip()
    if "," in plain:
        if not re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d{1,2})?", plain, re.ASCII):
            raise AmountError(text)
        plain = plain.replace(",", "")
    if not _YUAN.match(plain):
        raise AmountError(text)
    fen = int(Decimal(plain).scaleb(2))
    if abs(fen) > MAX_FEN:
        raise AmountError(text)
    return fen


def format_yuan(fen: int, *, comma: bool = True) -> str:
    """``123456`` fen as ``1,234.56``; negative amounts carry an ASCII minus."""
    whole, cents = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:{',' if comma else ''}}.{cents:02d}"


def format_wan(fen: int) -> str:
    """Fen as 万元 with two decimals, rounded half up once, as the official tables ask."""
    return f"{(Decimal(fen) / 1_000_000).quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def percent(part: int, whole: int, places: int = 2) -> str:
    """``part / whole`` in percent, rounded half up; ``—`` when there is no whole."""
    if not whole:
        return "—"
    return str((Decimal(part) * 100 / whole).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)) + "%"


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_SMALL = ("", "拾", "佰", "仟")
_BIG = ("", "万", "亿", "万亿")


def _capital_whole(number: int) -> str:
    words, gap = "", False
    for place in range(len(str(number)) - 1, -1, -1):
        digit = number // 10**place % 10
        if digit:
            words += ("零" if gap else "") + _DIGITS[digit] + _SMALL[place % 4]
        gap = not digit
        if place % 4 == 0 and number // 10**place % 10_000:
            words += _BIG[place // 4]
            gap = False
    return words


def capital_yuan(fen: int) -> str:
    """``50000`` fen as ``伍佰元整``, as banking papers write it (支付结算办法 附一).

    Whole yuan and jiao end in 整, fen do not; inner zeros are read once.
    """
    yuan, cents = divmod(abs(fen), 100)
    jiao, rest = divmod(cents, 10)
    words = "负" if fen < 0 else ""
    if yuan or not cents:
        words += (_capital_whole(yuan) or "零") + "元"
    if jiao:
        words += _DIGITS[jiao] + "角"
    elif rest and yuan:
        words += "零"
    return words + (_DIGITS[rest] + "分" if rest else "整")


def split_fen(total: int, weights: list[int]) -> list[int]:
    """Split ``total`` fen by ``weights`` (largest remainder); the parts always add up to ``total``."""
    weight = sum(weights)
    if weight <= 0:
        raise ValueError("weights must be positive")
    parts = [total * w // weight for w in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: total * weights[i] % weight, reverse=True)
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts
