"""The papers of the walk: invented people, the template they are typed into, death registers, a voucher."""

from __future__ import annotations

import io
from dataclasses import dataclass

from openpyxl import Workbook, load_workbook

from subsidy_portal.demo.plan import Person, Population
from subsidy_portal.demo.play import one_page_pdf
from subsidy_portal.demo.world import BANKS, VILLAGES

FIRST_ROW, LABEL_ROWS = 5, (3, 4)


@dataclass
class Village:
    """Who is on the list of the township, and who of them makes trouble."""

    people: list[Person]

    @property
    def dead(self) -> Person:
        """Died in January; the register of 1 March says so."""
        return self.people[3]

    @property
    def closed(self) -> Person:
        """Whose account the bank has closed."""
        return self.people[7]

    @property
    def slow(self) -> Person:
        """Whose payment the bank answers a day later."""
        return self.people[9]

    @property
    def late(self) -> Person:
        """Died in February; known in April only, paid in March."""
        return self.people[12]


def make_village(count: int = 24) -> Village:
    population = Population(2022, 2022)
    people = [population.person(0, (81, 93)) for _ in range(count)]
    for n, person in enumerate(people):
        person.village, person.bank = n % len(VILLAGES), n % 2
        # Two given characters: nobody's name is part of another's.
        person.name = f"{person.name[0]}{'春夏秋冬山川河云雨雪霜露梅兰竹菊荷松柏枫清明立谷'[n]}安"
    village = Village(people)
    village.closed.account, village.closed.good_account = population.account(3), population.account()
    village.slow.account = population.account(15)
    return village


def fill_template(template: bytes, people: list[Person], *, careless: bool = False) -> bytes:
    """Type the list into the downloaded template. ``careless``: a number for a text, words for an amount, a slip."""
    book = load_workbook(io.BytesIO(template))
    sheet = book["清册"]
    at = {str(cell.value): cell.column for row in LABEL_ROWS for cell in sheet[row] if cell.value}
    for number, person in enumerate(people):
        row = FIRST_ROW + number
        for label, value in _cells(number + 1, person).items():
            sheet.cell(row, at[label], value)
    if careless:
        number = sheet.cell(FIRST_ROW + 2, at["享受人身份证号"], int(people[2].id_number[:17] + "0"))
        number.number_format = "0"
        sheet.cell(FIRST_ROW + 4, at["补贴金额"], "壹佰元")
        wrong = people[6].id_number
        sheet.cell(FIRST_ROW + 6, at["享受人身份证号"], f"{wrong[:-1]}{'1' if wrong[-1] != '1' else '2'}")
    return _saved(book)


def _cells(number: int, person: Person) -> dict[str, str | float]:
    return {
        "排序序号": str(number),
        "收款人姓名": person.name,
        "收款人身份证号": person.id_number,
        "银行账号": person.account,
        "开户银行": BANKS[person.bank][1],
        "村(居)委会": VILLAGES[person.village],
        "村(居)民小组": f"{person.group}组",
        "享受人": person.name,
        "享受人身份证号": person.id_number,
        "补贴标准": "100.00",
        "补贴金额": "100.00",
    }


def office_list(people: list[Person], *, careless: bool = False) -> bytes:
    """The same list as an office keeps it, under words no roster has. ``careless``: an account lost its digits."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(("石桥镇三月高龄补贴",))
    sheet.append(("人", "证", "存到哪", "哪家行", "哪里人", "多少钱"))
    for person in people:
        bank, village = BANKS[person.bank][1], VILLAGES[person.village]
        sheet.append((person.name, person.id_number, person.account, bank, village, "100.00"))
    if careless:
        sheet["C5"], sheet["F8"] = int(people[2].account), "一百"
    return _saved(book)


def death_register(*deaths: tuple[Person, str]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(("姓名", "身份证号", "死亡日期"))
    for person, day in deaths:
        sheet.append((person.name, person.id_number, day))
    return _saved(book)


def voucher() -> bytes:
    return one_page_pdf("JIAO KU PING ZHENG")


def _saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
