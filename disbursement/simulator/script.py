"""What happens to an account's payment: digits 7–8 of cards that begin with 621799, see docs/banks/pipe_text.md."""

from __future__ import annotations

SUCCESS, FAILED, PENDING, RETURNED, SILENT = "success", "failed", "pending", "returned", "silent"

# digits → the bank's own code and words
ANSWERS = {
    "01": "3009 账户不存在",
    "02": "3031 户名不符",
    "03": "3018 账户已销户",
    "04": "3017 账户冻结",
    "05": "3007 卡已挂失",
    "06": "3057 账户状态异常，待激活",
    "07": "3034 该户为非结算户",
    "08": "3043 未与银行签约",
    "09": "3063 证件号码不符",
    "10": "3055 卡已达限额",
    "11": "3051 重复业务",
    "12": "3999 卡号所属银行与发卡行不一致",
    "13": "3008 付款户余额不足",
    "14": "H019 文件校验失败",
    "17": "MD07 持有人死亡",
    "18": "AG01 账户受司法限制",
    "99": "3999 其他原因",
}
OK, WAIT, BACK = "0000 交易成功", "2000 处理中", "3056 账户不能入账，退票"


def outcome_of(account: str) -> tuple[str, str]:
    """What becomes of a payment to ``account``, and the words of the answer. Any other account succeeds."""
    digits = account[6:8] if account.startswith("621799") else "00"
    if digits in ANSWERS:
        return FAILED, ANSWERS[digits]
    return {"15": (PENDING, WAIT), "16": (RETURNED, OK), "20": (SILENT, OK)}.get(digits, (SUCCESS, OK))
