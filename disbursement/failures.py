"""Why a payment failed, in our own codes F01–F99 (domain §10.3): what it means, who acts, and how to retry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _


class Owner(StrEnum):
    """Who has the next step."""

    TOWNSHIP = "township"
    BANK = "bank"
    FINANCE = "finance"
    DEPARTMENT = "department"


class Retry(StrEnum):
    """What may be sent again after this failure."""

    # A corrected account; the same one only with a word on what the bank changed.
    NEW_ACCOUNT = "new_account"
    # The same account when its reason has gone, or another one.
    SAME_OR_NEW = "same_or_new"
    # Nothing was wrong with the person's account: finance sends it again as it is.
    AS_IT_IS = "as_it_is"
    # Never by this way: the department or the bank has to decide first.
    STOP = "stop"


OWNER_LABELS: dict[str, Any] = {
    Owner.TOWNSHIP: _("乡镇"),
    Owner.BANK: _("代发银行"),
    Owner.FINANCE: _("财政"),
    Owner.DEPARTMENT: _("主管部门"),
}
# Day of the month by which each must have acted (S3; domain §4.1), as the county has set it
DUE_DAY: dict[str, int] = {Owner(owner): day for owner, day in settings.DUE_DAYS.items()}


@dataclass(frozen=True)
class Failure:
    """``meaning`` and ``todo`` are for staff, ``public`` is one plain sentence for the person who waits for money."""

    code: str
    meaning: Any
    owner: Owner
    retry: Retry
    todo: Any
    public: Any

    @property
    def owner_label(self) -> Any:
        return OWNER_LABELS[self.owner]

    @property
    def due_day(self) -> int:
        return DUE_DAY[self.owner]


_BRING_CARD = _("这笔钱没有发到您的账户，请带上身份证和社保卡到乡镇便民服务中心核对账号。")
_ASK_BANK = _("您的账户暂时不能收款，请带上身份证和社保卡到银行网点处理，办好后钱会重新发放。")
_WE_ACT = _("这笔钱暂时没有发出，工作人员正在处理，您不用跑腿。")

FAILURES: dict[str, Failure] = {
    failure.code: failure
    for failure in (
        Failure(
            "F01",
            _("账户不存在或卡号错误"),
            Owner.TOWNSHIP,
            Retry.NEW_ACCOUNT,
            _("请照社保卡或存折核对账号，登记正确的账号后提交更正。"),
            _BRING_CARD,
        ),
        Failure(
            "F02",
            _("户名不符"),
            Owner.TOWNSHIP,
            Retry.NEW_ACCOUNT,
            _("请照身份证和银行卡核对姓名，按银行登记的户名更正。"),
            _BRING_CARD,
        ),
        Failure(
            "F03",
            _("账户已销户"),
            Owner.TOWNSHIP,
            Retry.NEW_ACCOUNT,
            _("请通知本人办理新卡，登记新账号后提交更正。"),
            _("您的账户已经注销，请办好新的社保卡后告诉乡镇便民服务中心。"),
        ),
        Failure(
            "F04",
            _("账户冻结、止付或只进不出"),
            Owner.TOWNSHIP,
            Retry.SAME_OR_NEW,
            _("请通知本人到银行解除冻结，或登记另一个账号。"),
            _ASK_BANK,
        ),
        Failure(
            "F05",
            _("卡已挂失、被窃或过期"),
            Owner.TOWNSHIP,
            Retry.NEW_ACCOUNT,
            _("请通知本人换卡，登记新卡号后提交更正。"),
            _("您的卡已挂失或过期，请到银行换卡后告诉乡镇便民服务中心。"),
        ),
        Failure(
            "F06",
            _("账户状态异常（久悬、待激活）"),
            Owner.BANK,
            Retry.SAME_OR_NEW,
            _("请银行激活账户；激活后由乡镇写明情况，原账号重发。"),
            _ASK_BANK,
        ),
        Failure(
            "F07",
            _("不是结算户，不能代发"),
            Owner.TOWNSHIP,
            Retry.NEW_ACCOUNT,
            _("请登记本人的社保卡或活期结算账户。"),
            _BRING_CARD,
        ),
        Failure(
            "F08",
            _("未与银行签约或协议号无效"),
            Owner.FINANCE,
            Retry.AS_IT_IS,
            _("请财政与银行补签代发协议后，原账号重发。"),
            _WE_ACT,
        ),
        Failure(
            "F09",
            _("证件类型或号码不符"),
            Owner.TOWNSHIP,
            Retry.SAME_OR_NEW,
            _("请本人到银行更新证件信息，或登记另一个账号。"),
            _BRING_CARD,
        ),
        Failure(
            "F10",
            _("超过账户限额"),
            Owner.BANK,
            Retry.SAME_OR_NEW,
            _("请银行调整限额后原账号重发，或登记另一个账号。"),
            _ASK_BANK,
        ),
        Failure(
            "F11",
            _("银行认为是重复业务"),
            Owner.FINANCE,
            Retry.STOP,
            _("请财政与银行核对是否已经入账，核清前不得重发。"),
            _WE_ACT,
        ),
        Failure(
            "F12",
            _("开户行或行号错误"),
            Owner.TOWNSHIP,
            Retry.NEW_ACCOUNT,
            _("请核对卡是哪家银行发的，改正开户银行后提交更正。"),
            _BRING_CARD,
        ),
        Failure(
            "F13",
            _("代发专户余额不足或状态异常"),
            Owner.FINANCE,
            Retry.AS_IT_IS,
            _("请财政补足专户余额后，原账号重发。"),
            _WE_ACT,
        ),
        Failure(
            "F14",
            _("代发文件未通过银行校验"),
            Owner.FINANCE,
            Retry.AS_IT_IS,
            _("银行整批拒收，没有入账。请财政核对后，原账号重发。"),
            _WE_ACT,
        ),
        Failure(
            "F15",
            _("银行处理中，结果未知"),
            Owner.BANK,
            Retry.STOP,
            _("请等待银行结果或对账单，结果明确前不得重发。"),
            _("银行正在处理这笔钱，请过一两天再查。"),
        ),
        Failure(
            "F16",
            _("入账后退票"),
            Owner.DEPARTMENT,
            Retry.SAME_OR_NEW,
            _("钱已退回专户。请主管部门查明退票原因，登记正确的账户；乡镇已找到本人的，也可由乡镇登记。"),
            _("这笔钱被银行退回了，请带上身份证和社保卡到乡镇便民服务中心核对账号。"),
        ),
        Failure(
            "F17",
            _("账户持有人已死亡"),
            Owner.DEPARTMENT,
            Retry.STOP,
            _("请主管部门核实并按规定停发，不得重发。"),
            _("请家属到乡镇便民服务中心说明情况。"),
        ),
        Failure(
            "F18",
            _("受监管、司法或名单限制"),
            Owner.BANK,
            Retry.SAME_OR_NEW,
            _("请银行说明限制原因，解除后重发或登记另一个账号。"),
            _ASK_BANK,
        ),
        Failure(
            "F19",
            _("经查实银行没有付出"),
            Owner.FINANCE,
            Retry.AS_IT_IS,
            _("已由两人凭对账单或银行答复认定，原账号重发即可。"),
            _WE_ACT,
        ),
        Failure(
            "F99",
            _("其他原因（见银行原文）"),
            Owner.TOWNSHIP,
            Retry.SAME_OR_NEW,
            _("请按银行原文核实原因，必要时更正账户。"),
            _BRING_CARD,
        ),
    )
}

_BANK_CODES: dict[str, tuple[str, ...]] = {
    "F01": ("3009", "3004", "3030", "AC01"),
    "F02": ("3031", "BE01", "NN1IA102"),
    "F03": ("3018", "3039", "AC04"),
    "F04": ("3017", "AC06"),
    "F05": ("3006", "3007", "3010", "3016"),
    "F06": ("3057", "3037"),
    "F07": ("3034", "3038", "3041"),
    "F08": ("3043", "3045", "3046", "3047"),
    "F09": ("3063",),
    "F10": ("3013", "3055"),
    "F11": ("3051", "AM05", "DUPL"),
    "F12": ("3097",),
    "F13": ("3008", "AM04", "T066", "H059"),
    "F14": ("H019", "P096", "H035", "S047", "AM10"),
    "F15": ("3028", "2000", "2007", "012015", "027019"),
    "F16": ("3056",),
    "F17": ("MD07",),
    "F18": ("AG01", "RR04"),
}
_OF_CODE = {bank_code: code for code, bank_codes in _BANK_CODES.items() for bank_code in bank_codes}
# For codes that say nothing (3999, MS03): the bank's own words, first match counts.
_OF_WORDS = [
    (re.compile(words), code)
    for words, code in (
        (r"户名不符|账户名为|姓名不符", "F02"),
        (r"所属银行与发卡行不一致|行号|开户行", "F12"),
        (r"不存在|无此账户|卡号错误", "F01"),
        (r"销户|清户", "F03"),
        (r"冻结|止付|只进不出", "F04"),
        (r"挂失|被窃|过期", "F05"),
        (r"状态异常|久悬|激活|未生效", "F06"),
        (r"非结算户|不支持代", "F07"),
        (r"签约|协议", "F08"),
        (r"证件", "F09"),
        (r"限额|超限", "F10"),
        (r"重复|代理次数", "F11"),
        (r"死亡|身故", "F17"),
    )
]


def from_bank(bank_code: str, bank_text: str) -> str:
    """Our code for what the bank said: by its code, else by its words, else F99."""
    code = _OF_CODE.get(bank_code)
    if code:
        return code
    return next((ours for words, ours in _OF_WORDS if words.search(bank_text)), "F99")


def describe(code: str) -> Failure:
    """The entry of ``code``; F99 for an empty or unheard-of one."""
    return FAILURES.get(code, FAILURES["F99"])
