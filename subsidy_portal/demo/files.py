"""The files a township really sends: one xlsx a roster, written row by row from the claims."""

from __future__ import annotations

import io

from rustpy_xlsxwriter import write_worksheet

from subsidy_portal.demo.catalogue import CARE_CODE, LAND_CODE, LIVING_CODE, OWN_TEMPLATES
from subsidy_portal.demo.plan import Claim, Person, Run
from subsidy_portal.demo.world import BANKS, VILLAGES
from subsidy_portal.money import format_yuan


def _row(n: int, claim: Claim, run: Run) -> dict[str, str]:
    person, entry = claim.person, run.entry
    return {
        "排序序号": str(n),
        "户主姓名": person.name,
        "户主身份证号": person.id_number,
        "收款人姓名": person.name,
        "收款人身份证号": person.id_number,
        "银行账号": person.account,
        "账户种类": person.account_kind,
        "开户银行": BANKS[person.bank][1],
        "村(居)委会": VILLAGES[person.village],
        "村(居)民小组": f"{person.group}组",
        "享受人": person.name,
        "享受人身份证号": person.id_number,
        "数量": f"{claim.quantity_tenths // 10}.{claim.quantity_tenths % 10}",
        "补贴标准": format_yuan(entry.standard_fen or claim.amount_fen, comma=False),
        "补贴金额": format_yuan(claim.amount_fen, comma=False),
        "备注": "",
        **_own(n, claim, run),
    }


def _own(n: int, claim: Claim, run: Run) -> dict[str, str]:
    """The program's own columns, by label, from what the claim is."""
    own = OWN_TEMPLATES.get(run.entry.code)
    if own is None:
        return {}
    values = {
        "残疾等级": "一级" if n % 3 else "二级",
        "月数": "1",
        "地块数": str(claim.quantity_tenths // 15 + 1),
        "承包合同签订日期": "2018-12-31",
    }
    return {column.label: values[column.label] for column in own.columns}


def roster_file(run: Run, town: int, town_name: str) -> tuple[str, bytes]:
    """Name and bytes of one township's file: a title row, one header row, the claims, a total."""
    claims = [*run.claims[town], *run.wrong.get(town, [])]
    rows = [_row(n, claim, run) for n, claim in enumerate(claims, 1)]
    total = dict.fromkeys(rows[0], "")
    total |= {"排序序号": "合计", "补贴金额": format_yuan(sum(c.amount_fen for c in claims), comma=False)}
    out = io.BytesIO()
    title = f"{town_name}{run.entry.name}发放清册（{run.period}）　单位：元"
    write_worksheet(
        [*rows, total], out, sheet_name="清册", header_row=1, merge_ranges=[(0, 0, 0, len(rows[0]) - 1, title)]
    )
    return f"{town_name}{run.entry.name}{run.period}.xlsx", out.getvalue()


def broken_file(run: Run, town: int, town_name: str) -> tuple[str, bytes]:
    """The same file as a careless clerk first sent it: two ID numbers turned into numbers, one amount misspelt."""
    rows = [dict(_row(n, claim, run)) for n, claim in enumerate(run.claims[town], 1)]
    spoiled: list[dict[str, object]] = [dict(row) for row in rows]
    for row in spoiled[2:4]:
        row["享受人身份证号"] = float(str(row["享受人身份证号"])[:17].replace("X", "0") + "0")
    spoiled[5]["补贴金额"] = "壹佰元"
    out = io.BytesIO()
    write_worksheet(spoiled, out, sheet_name="清册")
    return f"{town_name}{run.entry.name}{run.period}初稿.xlsx", out.getvalue()


def person_list(sheet: str, rows: list[dict[str, str]]) -> bytes:
    """An xlsx with the columns that the rows name."""
    out = io.BytesIO()
    write_worksheet(rows, out, sheet_name=sheet)
    return out.getvalue()


def need_lists(runs: list[Run]) -> list[tuple[str, str, list[dict[str, str]]]]:
    """(kind, office, rows) of the disability certificates and of those on 低保.

    Whoever is paid as disabled is in them; and so are a few people of other programs who never applied.
    """

    def paid(code: str) -> list[Person]:
        claims = next((run.claims for run in runs if run.entry.code == code), {})
        return list({c.person.id_number: c.person for one in claims.values() for c in one}.values())

    severe, poor, others = paid(CARE_CODE), paid(LIVING_CODE), paid(LAND_CODE)
    struck = [c.person for run in runs if run.entry.code == LIVING_CODE for one in run.wrong.values() for c in one]
    certified = {p.id_number: (p, "三级") for p in (*poor, *struck, *others[3:5])}
    certified |= {p.id_number: (p, "一级" if n % 3 else "二级") for n, p in enumerate((*severe, *others[:3]))}
    in_need = {p.id_number: p for p in (*poor, *struck, *paid("2081902"), *others[3:5])}
    disabled = [
        {"姓名": p.name, "身份证号": p.id_number, "残疾等级": level, "残疾类别": "肢体", "有效期至": "2027-12-31"}
        for p, level in certified.values()
    ]
    dibao = [{"姓名": p.name, "身份证号": p.id_number, "低保类别": "农村"} for p in in_need.values()]
    return [("disability", "残联", disabled), ("dibao", "民政局", dibao)]
