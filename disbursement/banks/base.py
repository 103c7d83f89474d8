"""What every bank channel speaks: plain values in and out, no ORM, no HTML.

A channel is a module named in ``settings.BANKS`` with a class ``Adapter``. Money is integer fen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal, Protocol

from disbursement.banks.exchange import Exchange

Outcome = Literal["success", "failed", "unknown", "returned"]


class BankUnavailable(Exception):
    """The bank was not reached and no byte left: the same order may be sent again later."""


class BankRejected(Exception):
    """The bank refused the whole order, definitely and before booking anything."""


class OutcomeUnknown(Exception):
    """Bytes may have left. The order is looked for, never sent again. ``answer`` is what came back, if anything."""

    def __init__(self, text: str, answer: bytes = b"") -> None:
        super().__init__(text)
        self.answer = answer


@dataclass(frozen=True)
class Profile:
    """What a bank agreed to in writing. A field that is not agreed keeps its safest value."""

    channel: str
    max_items: int
    charset: str
    ref_max_len: int
    # True only when an order that is neither waiting nor taken has provably never left.
    absence_is_proof: bool = False
    # After so many days without an answer somebody must ask the bank.
    answer_days: int = 1
    cut_off: dt.time = dt.time(16, 0)
    # What the bank may answer and we may believe as final, by its own codes; everything else is unknown.
    success_codes: frozenset[str] = frozenset()
    pending_codes: frozenset[str] = frozenset()
    # Codes of a whole order refused before anything was booked. A code that is not here refuses nothing.
    refusal_codes: frozenset[str] = frozenset()
    # The bank leaves nothing by itself: results and statements are asked for (``ask_result``, ``ask_statement``).
    is_asked: bool = False
    # The bank says whether a name belongs to an account (``check_name``).
    checks_names: bool = False


@dataclass(frozen=True)
class OutgoingLine:
    """One payment for the bank. ``times`` counts this account's payments of the day, from 1."""

    ref: str
    name: str
    account: str
    id_number: str
    amount_fen: int
    times: int = 1


@dataclass(frozen=True)
class OutgoingOrder:
    """What leaves together. The same order always gives the same bytes under the same name."""

    ref: str
    batch_number: str
    made_on: dt.date
    lines: tuple[OutgoingLine, ...]

    @property
    def total_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines)


@dataclass(frozen=True)
class Document:
    """A file as it leaves or left."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Receipt:
    """The bank has the order. ``note`` says how we know."""

    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What a look at the bank shows of an order: it has it, it does not, or nobody can tell."""

    state: Literal["taken", "absent", "unclear"]


@dataclass(frozen=True)
class NameAnswer:
    """Whether the bank has the account under that name; ``unclear`` decides nothing."""

    outcome: Literal["same", "different", "unclear"]
    bank_code: str = ""
    bank_text: str = ""


@dataclass(frozen=True)
class ResultLine:
    """What the bank says of one line of an order, or of one that came back."""

    line_no: int
    ref: str
    amount_fen: int
    account_last4: str
    outcome: Outcome
    bank_code: str
    bank_text: str
    booked_on: dt.date
    serial: str = ""


@dataclass(frozen=True)
class ResultFile:
    """A result or return file that passed every check of its own totals.

    ``rejected_code`` is set when the bank refused the order as a whole; there are no lines then.
    """

    kind: Literal["result", "return", "rejection"]
    order_ref: str
    business_on: dt.date
    count: int
    total_fen: int
    lines: tuple[ResultLine, ...]
    rejected_code: str = ""
    rejected_text: str = ""


@dataclass(frozen=True)
class StatementLine:
    """One booking of the county's account. A credit without reference is money from the treasury."""

    line_no: int
    kind: Literal["debit", "return", "funding"]
    amount_fen: int
    ref: str
    serial: str
    narrative: str


@dataclass(frozen=True)
class StatementFile:
    """One day of the county's account; opening − debits + credits = closing was checked."""

    number: int
    booked_on: dt.date
    account: str
    opening_fen: int
    closing_fen: int
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True)
class LineError:
    """Why a file is refused, as a sentence without personal data. ``line_no`` 0 means the file as a whole."""

    line_no: int
    text: str


class Adapter(Protocol):
    """One bank channel, bound to one bank's folder and contract numbers."""

    profile: Profile
    exchange: Exchange

    def build(self, order: OutgoingOrder) -> Document:
        """The bytes of the order, the same ones every time."""

    def send(self, order: OutgoingOrder, document: Document | None = None) -> Receipt:
        """Hand over ``document``, the order as built; raises BankUnavailable, BankRejected or OutcomeUnknown."""

    def query(self, order_ref: str, file_name: str) -> Answer:
        """Look for an order that may have left."""

    def ask_result(self, order_ref: str) -> Document | None:
        """What the bank says of an order now; None while it says nothing final. Only with ``profile.is_asked``."""

    def ask_statement(self, day: dt.date) -> Document | None:
        """The day's statement; None while the day is not closed or nothing was booked."""

    def ask_returns(self, day: dt.date) -> Document | None:
        """What came back on that day; None when nothing did."""

    def check_name(self, name: str, account: str, id_number: str) -> NameAnswer:
        """Ask whether the account is that person's. Only with ``profile.checks_names``; moves no money."""

    def kind_of(self, content: bytes) -> Literal["result", "return", "statement"] | None:
        """What a received file says it is; None when it says nothing we know."""

    def parse_result(self, content: bytes) -> tuple[ResultFile | None, list[LineError]]:
        """A result, rejection or return file; refused whole when anything in it does not add up."""

    def parse_statement(self, content: bytes) -> tuple[StatementFile | None, list[LineError]]:
        """A day's statement; refused whole when it does not balance."""
