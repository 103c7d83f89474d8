"""What every channel does that exchanges files: put the order there once, look for it, fetch nothing by itself."""

from __future__ import annotations

import datetime as dt

from disbursement.banks.base import (
    Answer,
    BankUnavailable,
    Document,
    NameAnswer,
    OutcomeUnknown,
    OutgoingOrder,
    Receipt,
)
from disbursement.banks.exchange import Exchange, NotPlaced


class FolderChannel:
    """One bank's folder and contract numbers; the file formats are the subclass's."""

    def __init__(self, exchange: Exchange, *, unit_number: str, fiscal_account: str) -> None:
        self.exchange, self.unit_number, self.fiscal_account = exchange, unit_number, fiscal_account

    def build(self, order: OutgoingOrder) -> Document:
        raise NotImplementedError

    def send(self, order: OutgoingOrder, document: Document | None = None) -> Receipt:
        document = document or self.build(order)
        try:
            there = self.exchange.find(document.name)
        except OSError as error:
            raise BankUnavailable(f"交换目录打不开（{error.strerror or '连接中断'}）") from error
        if there is not None:
            if there != document.content:
                raise OutcomeUnknown("交换目录里已有同名而内容不同的文件")
            return Receipt("已在交换目录")
        try:
            self.exchange.put(document.name, document.content)
        except NotPlaced as error:
            raise BankUnavailable(f"交换目录写不进去（{error.strerror or '连接中断'}）") from error
        except OSError as error:
            if self.exchange.storage.tells_after_error and self.exchange.find(document.name) is None:
                raise BankUnavailable(f"交换目录写不进去（{error.strerror}）") from error
            raise OutcomeUnknown("写入交换目录时出错") from error
        return Receipt("已放入交换目录")

    def query(self, order_ref: str, file_name: str) -> Answer:
        try:
            return Answer("absent" if self.exchange.find(file_name) is None else "taken")
        except OSError:
            return Answer("unclear")

    # The bank leaves its files by itself, and no file asks for a name.

    def ask_result(self, order_ref: str) -> Document | None:
        return None

    def ask_statement(self, day: dt.date) -> Document | None:
        return None

    def ask_returns(self, day: dt.date) -> Document | None:
        return None

    def check_name(self, name: str, account: str, id_number: str) -> NameAnswer:
        return NameAnswer("unclear")
