"""Forms of the money pages. They check what was typed; the actions decide what may happen."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from disbursement.models import Batch, Discrepancy, Verdict
from disbursement.shares import BankShare, FiscalAccount
from programs.fields import ProofField, SheetField
from programs.models import Account, Program
from subsidy_portal import clock, identifiers, money
from subsidy_portal.models import Area, Organisation, User
from subsidy_portal.wording import count, yuan


class AmountForm(forms.Form):
    """The amount typed once more before money leaves; it must be the planned one to the fen."""

    amount = forms.CharField(
        label=_("再输一遍金额（元）"),
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={"required": _("请再输一遍金额，单位是元。")},
    )

    def __init__(self, *args: Any, expected_fen: int, **kwargs: Any) -> None:
        self.expected_fen = expected_fen
        super().__init__(*args, **kwargs)

    def clean_amount(self) -> int:
        try:
            fen = money.parse_yuan(self.cleaned_data["amount"])
        except money.AmountError:
            raise forms.ValidationError(_("这不是金额。请输数字，最多两位小数，如 1,200.50。")) from None
        if fen != self.expected_fen:
            raise forms.ValidationError(
                _("输入的是 %(typed)s 元，应放行的是 %(planned)s 元。没有放行，请核对后再输。"),
                params={"typed": money.format_yuan(fen), "planned": money.format_yuan(self.expected_fen)},
            )
        return fen


class ReleaseForm(AmountForm):
    """Which banks' part leaves now, and its amount typed once more."""

    banks = forms.TypedMultipleChoiceField(
        label=_("放行哪些银行的"),
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("请至少选一家银行。")},
    )
    funding = forms.CharField(
        label=_("缺的钱何时由谁拨入"),
        help_text=_("代发专户余额不够，写明了才能放行。"),
        required=False,
        max_length=200,
    )
    field_order = ("banks", "funding", "amount")

    def __init__(self, *args: Any, shares: list[BankShare], accounts: list[FiscalAccount], **kwargs: Any) -> None:
        super().__init__(*args, expected_fen=sum(share.fen for share in shares), **kwargs)
        self.shares = shares
        if not any(account.stops for account in accounts):
            del self.fields["funding"]
        if len(shares) < 2:
            del self.fields["banks"]
            return
        words = _("%(bank)s %(n)s 笔，%(yuan)s 元")
        self.fields["banks"].choices = [  # type: ignore[attr-defined]
            (s.bank, words % {"bank": s.name, "n": count(s.count), "yuan": yuan(s.fen)}) for s in shares
        ]
        self.fields["banks"].initial = [share.bank for share in shares]

    def clean_banks(self) -> list[int]:
        """The amount to be typed is that of the chosen banks."""
        chosen: list[int] = self.cleaned_data["banks"]
        self.expected_fen = sum(share.fen for share in self.shares if share.bank in chosen)
        return chosen


class NoteForm(forms.Form):
    """The reason of a step back."""

    note = forms.CharField(
        label=_("原因"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("请写明原因，对方要看。")},
    )


class CorrectionForm(forms.Form):
    """A new account for one failed payment. The number is checked, the name is written as the bank has it."""

    number = forms.CharField(
        label=_("新账号"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=_("照卡面或存折填写。账户没变、银行已处理好的，填原账号。"),
    )
    bank = forms.ModelChoiceField(Organisation.objects.none(), label=_("开户银行"), empty_label=_("请选择"))
    kind = forms.ChoiceField(label=_("账户种类"), choices=Account.Kind.choices, initial=Account.Kind.SSC)
    name_at_bank = forms.CharField(
        label=_("银行户名"), max_length=50, required=False, help_text=_("与收款人姓名一致时不用填。")
    )
    reason = forms.CharField(
        label=_("更正原因"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("请写明为什么更正，如：本人已换新卡。")},
    )
    proof = ProofField(
        label=_("佐证"),
        required=False,
        help_text=_("卡面或存折照片、银行证明。JPG、PNG 或 PDF，不超过 5 MB。"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        paying = Organisation.objects.filter(kind=Organisation.Kind.BANK, bank__is_active=True)
        self.fields["bank"].queryset = paying.order_by("bank__code")  # type: ignore[attr-defined]

    def clean_number(self) -> str:
        try:
            return identifiers.parse_account(self.cleaned_data["number"])
        except identifiers.IdentifierError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_name_at_bank(self) -> str:
        text: str = self.cleaned_data["name_at_bank"]
        try:
            return identifiers.parse_name(text) if text.strip() else ""
        except identifiers.IdentifierError as error:
            raise forms.ValidationError(str(error)) from None


class SheetForm(forms.Form):
    file = SheetField(label=_("填好的更正表"), help_text=_("有一行不对就一笔都不登记"))


class RefundForm(forms.Form):
    reason = forms.CharField(
        label=_("为什么不再发"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("请写明为什么不再发，如：享受人已死亡、无法联系。")},
    )


class VoucherForm(forms.Form):
    voucher = forms.CharField(label=_("缴库凭证号"), max_length=40, widget=forms.TextInput({"autocomplete": "off"}))
    remitted_on = forms.DateField(
        label=_("缴库日期"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), initial=clock.today
    )


class LetterForm(forms.Form):
    """What the bank wrote about payments without a result."""

    outcome = forms.ChoiceField(label=_("银行怎么说"), choices=Verdict.Outcome.choices)
    booked_on = forms.DateField(
        label=_("银行记账日期"),
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=_("已经付出的要填"),
    )
    letter = ProofField(label=_("银行答复"), help_text=_("盖章的答复。JPG、PNG 或 PDF，不超过 5 MB。"))
    reason = forms.CharField(label=_("说明"), max_length=200, widget=forms.Textarea(attrs={"rows": 2}))


class MatchForm(forms.Form):
    """Which candidate a statement line is, and how one knows."""

    attempt = forms.TypedChoiceField(
        coerce=int, widget=forms.RadioSelect, error_messages={"required": _("请选一笔。")}, label=_("选定哪一笔")
    )
    reason = forms.CharField(
        label=_("依据"),
        help_text=_("银行怎么答复的、回单号是多少。不要写身份证号和账号。"),
        max_length=200,
        error_messages={"required": _("请写明依据。")},
    )

    def __init__(self, *args: Any, attempts: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["attempt"].choices = [(pk, pk) for pk in attempts]  # type: ignore[attr-defined]


class ResolutionForm(forms.Form):
    """How a discrepancy was cleared up, in words an auditor can follow."""

    resolution = forms.CharField(
        label=_("怎么处理的"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("写明和谁核对过、依据是什么、钱在哪里。"),
        error_messages={"required": _("请写明怎么处理的，审计时要看。")},
    )


def year_choices() -> list[tuple[str, Any]]:
    """Fund years that have batches, the newest first."""
    years = sorted({period[:4] for period in Batch.objects.order_by().values_list("period", flat=True).distinct()})
    return [(year, _("%(year)s年") % {"year": year}) for year in reversed(years)]


class BatchFilterForm(forms.Form):
    """What the batch list shows. Wrong values are dropped, not complained about."""

    program = forms.ModelChoiceField(
        Program.objects.none(), required=False, label=_("项目"), empty_label=_("全部项目"), to_field_name="code"
    )
    year = forms.ChoiceField(required=False, label=_("年度"))
    status = forms.ChoiceField(required=False, label=_("状态"), choices=[("", _("全部状态")), *Batch.Status.choices])

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["program"].queryset = Program.objects.visible_to(user)  # type: ignore[attr-defined]
        self.fields["year"].choices = [("", _("全部年度")), *year_choices()]  # type: ignore[attr-defined]


class FailureFilterForm(forms.Form):
    """Which failed payments are listed."""

    class Step:
        OPEN, PROPOSED, APPROVED = "open", "proposed", "approved"

    STEPS = ((Step.OPEN, _("还没改")), (Step.PROPOSED, _("待复核")), (Step.APPROVED, _("已改，待重发")))

    town = forms.ModelChoiceField(
        Area.objects.none(), required=False, label=_("乡镇"), empty_label=_("全部乡镇"), to_field_name="code"
    )
    code = forms.ChoiceField(required=False, label=_("原因"))
    step = forms.ChoiceField(required=False, label=_("进度"), choices=[("", _("全部进度")), *STEPS])
    batch = forms.CharField(required=False, label=_("批次号"), max_length=20)

    def __init__(self, *args: Any, user: User, codes: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        towns = Area.objects.filter(level=Area.Level.TOWNSHIP, code__startswith=user.area_prefix)
        self.fields["town"].queryset = towns  # type: ignore[attr-defined]
        self.fields["code"].choices = [("", _("全部原因")), *codes]  # type: ignore[attr-defined]


class DiscrepancyFilterForm(forms.Form):
    status = forms.ChoiceField(required=False, label=_("状态"), choices=[("", _("全部")), *Discrepancy.Status.choices])
    kind = forms.ChoiceField(required=False, label=_("类别"), choices=[("", _("全部类别")), *Discrepancy.Kind.choices])


class StatisticsForm(forms.Form):
    """The year counted and the day it is counted on."""

    year = forms.TypedChoiceField(label=_("年度"), coerce=int, widget=forms.Select(attrs={"class": "w-auto"}))
    as_of = forms.DateField(
        label=_("截至"), required=False, widget=forms.DateInput(attrs={"type": "date", "class": "w-auto"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        this = clock.today().year
        years = sorted({this, *(int(value) for value, _label in year_choices())}, reverse=True)
        self.fields["year"].choices = [(year, f"{year}年") for year in years]  # type: ignore[attr-defined]

    def clean_as_of(self) -> dt.date:
        """Never later than today: nobody knows what will have been paid by then."""
        return min(self.cleaned_data["as_of"] or clock.today(), clock.today())
