"""Form fields of their own: yuan that become fen, scanned proofs, workbooks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from subsidy_portal import money, wording
from subsidy_portal.proofs import PROOF_ENDINGS, check_proof
from subsidy_portal.sheets import ACCEPT


class YuanField(forms.CharField):
    """An amount typed in yuan, cleaned to integer fen; None when it is empty and may be."""

    def __init__(self, *, negative: bool = False, **kwargs: Any) -> None:
        self.negative = negative
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "short"})
        super().__init__(**{"widget": widget, "max_length": 24, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return wording.yuan_plain(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            fen = money.parse_yuan(text)
        except money.AmountError:
            raise ValidationError(_("请填以元为单位的金额，最多两位小数，例如 1200.50。")) from None
        if fen < 0 and not self.negative:
            raise ValidationError(_("金额不能是负数。"))
        return fen


class ProofField(forms.FileField):
    """A scanned proof: PDF, PNG or JPEG by its first bytes, at most 5 MB."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.ClearableFileInput(attrs={"accept": ",".join(PROOF_ENDINGS)})
        super().__init__(**{"widget": widget, "help_text": _("PDF、PNG 或 JPG，不超过 5 MB"), **kwargs})

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload: UploadedFile[Any] | None = super().clean(data, initial)
        if not upload:
            return None
        check_proof(upload)
        return upload


class SheetField(forms.FileField):
    """A list as .xlsx, .xls or CSV. What is inside is judged by the import, which says where and what."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.ClearableFileInput(attrs={"accept": ACCEPT})
        super().__init__(**{"widget": widget, "max_length": 150, **kwargs})

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload: UploadedFile[Any] | None = super().clean(data, initial)
        if upload and (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
            raise ValidationError(
                _("文件超过 %(mb)d MB。请拆成几份再传。") % {"mb": settings.UPLOAD_MAX_BYTES // 2**20}
            )
        return upload
