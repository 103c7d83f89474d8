"""The facts of the sources as rows: S4's two years (A21–A24), and programs in their places."""

from __future__ import annotations

from programs.models import Program
from selfcheck.models import YearlyAmount
from subsidy_portal import clock
from tests import make
from tests.make import K, R

P, H = Program.PaidTo.PERSON, Program.PaidTo.HOUSEHOLD
FORMER, OFFLINE = YearlyAmount.Channel.FORMER, YearlyAmount.Channel.OFFLINE
WAN = 1_000_000  # fen in one 万元


def wan(text: str) -> int:
    """``4976.06`` 万元 in fen."""
    whole, _dot, part = text.partition(".")
    return int(whole) * WAN + int(part.ljust(2, "0")) * 10_000


# year → (to persons on, to households on, to persons off, to households off) in 万元, and persons, households.
# The sources give the sums; how on and off split into persons and households is ours and ties with all of them.
S4 = {
    2017: (("4000.00", "976.06", "5201.46", "336.69"), 144_515, 38_542),
    2018: (("4500.00", "1007.26", "6234.74", "401.04"), 148_253, 38_220),
}


def make_amount(program: Program, year: int, fen: int, **fields: object) -> YearlyAmount:
    """A confirmed amount."""
    given = {"channel": OFFLINE, "paid_to": program.paid_to, "basis": f"{year}年决算表"}
    return YearlyAmount.objects.create(
        program=program,
        year=year,
        amount_fen=fen,
        status=YearlyAmount.Status.CONFIRMED,
        made_by=make.make_user(K.FINANCE, R.OPERATOR),
        made_at=clock.now(),
        confirmed_by=make.make_user(K.FINANCE, R.REVIEWER),
        **(given | fields),
    )


def make_s4() -> None:
    """37 programs of 2017, 36 of 2018: 21 and 20 in the system of that time, 16 off it."""
    on = [make.make_program(name=f"系统项目{n}", paid_to=H if n == 0 else P) for n in range(21)]
    off = [make.make_program(name=f"线下项目{n}", paid_to=H if n == 0 else P, on_platform=False) for n in range(16)]
    for year, ((on_p, on_h, off_p, off_h), persons, households) in S4.items():
        people = {"persons": persons, "households": 0}
        homes = {"persons": 0, "households": households}
        for channel, programs, per_person, per_home in ((FORMER, on, on_p, on_h), (OFFLINE, off, off_p, off_h)):
            here = programs[:20] if channel == FORMER and year == 2018 else programs
            rest = here[1:]
            share, left = divmod(wan(per_person), len(rest))
            first = channel == FORMER
            make_amount(here[0], year, wan(per_home), channel=channel, **(homes if first else {}))
            for n, program in enumerate(rest):
                told = people if first and n == 0 else {}
                make_amount(program, year, share + (left if n == 0 else 0), channel=channel, **told)
