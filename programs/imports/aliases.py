"""What other offices call the columns of a roster: their exports and lists (domain §7, [E21][E22][E23]).

Words are normalised as by ``columns.header_text``.
"""

from __future__ import annotations

import re

_ID_WORDS = ("身份证号", "身份证号码", "身份证", "证件号码", "证件号", "公民身份号码", "证号")
_MEMBER = ("家庭成员", "成员", "共同生活家庭成员", "家庭成员及本人")

ALIASES: dict[str, tuple[str, ...]] = {
    "head_name": ("户主(申请人)姓名", "申请人姓名", "申请人", "家庭户主", "家庭户主姓名", "户主姓名(申请人)"),
    "head_id": tuple(f"{who}{word}" for who in ("申请人", "家庭户主", "户主(申请人)") for word in _ID_WORDS),
    "account": (
        "一卡通账户号", "一卡通", "一卡通号", "惠民惠农一卡通账号", "社会保障卡账号", "社保卡银行卡号",
        "社会保障卡银行卡号",
        "银行账号(卡号)", "账号(卡号)", "账(卡)号", "银行账(卡)号", "存折(卡)号", "存折号", "发放账号", "发放账户",
    ),
    "account_name": ("银行账户名", "开户人", "开户人姓名", "账户姓名", "持卡人", "持卡人姓名"),
    "bank": ("发卡银行", "开户银行(全称)", "金融机构", "发放金融机构", "开户网点", "开户行名称", "银行类别"),
    "village": (
        "所属社", "所属社区", "所属村", "所属村居", "所属村(社区)", "所属村(居)", "村(居)", "村(居)委", "村居委",
        "村/社区",
        "村(社)", "村社", "所在村", "所在村(社区)", "村委", "村(居)名称", "村名称", "村(社区)名称", "行政村名称",
    ),
    "group_no": ("村组", "居民组", "社组", "所在组", "组(社)", "村民组", "自然村", "屯"),
    "beneficiary_name": (
        *(f"{who}姓名" for who in _MEMBER), "受助人姓名", "受助人", "领取人", "领取人姓名", "老人姓名", "残疾人姓名",
        "供养对象", "供养对象姓名", "特困人员姓名", "低保对象", "低保对象姓名", "农户姓名", "农户",
    ),
    "beneficiary_id": tuple(
        f"{who}{word}"
        for who in (*_MEMBER, "受助人", "领取人", "老人", "残疾人", "供养对象", "特困人员", "低保对象", "农户")
        for word in _ID_WORDS
    ),
    "phone": ("户主联系电话", "申请人联系电话", "移动电话", "手机电话", "联系人电话"),
    "quantity": ("种植面积", "承包面积", "确权面积", "补贴数", "发放月数", "补助月数", "享受月数"),
    "standard": ("每月标准", "月标准", "保障标准", "供养标准", "月人均补差", "亩均标准", "每亩标准", "补助标准(元/月)"),
    "amount": (
        "发放总额", "补贴总额", "补助资金", "保障金额", "保障金", "救助金额", "实际发放金额", "本月发放金额",
        "本次发放金额",
        "本期发放金额", "应发放金额", "合计金额", "发放数", "补发后金额", "享受金额", "月发放金额",
    ),
}  # fmt: skip

# Words that name a field only where no better column does: an export's 合计（元） is its amount.
WEAK: dict[str, tuple[str, ...]] = {
    "amount": ("合计", "总计", "小计", "总额", "补贴", "补助", "资金", "月领取金额"),
    "village": ("住址所在村", "家庭住址", "住址村"),
}
WEAK_FIELDS = {alias: field for field, aliases in WEAK.items() for alias in aliases}

# 成员1姓名, 家庭成员二身份证号, 成员3金额 …: one household in one row.
_NUMBERED = re.compile(r"(?:共同生活)?(?:家庭)?成员([0-9]{1,2}|[一二三四五六七八九十])(.*)")
_PARTS = {
    "name": ("", "姓名", "名称"),
    "id": _ID_WORDS,
    "amount": ("金额", "补贴金额", "补助金额", "发放金额", "保障金额"),
}
_PART_OF = {word: part for part, words in _PARTS.items() for word in words}


def member_part(text: str) -> tuple[str, str] | None:
    """(which member, name | id | amount) that a header like 成员2身份证号 stands for."""
    found = _NUMBERED.fullmatch(text)
    part = _PART_OF.get(found[2]) if found else None
    return (found[1], part) if found and part else None
