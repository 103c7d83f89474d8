"""API tokens: a day long, for who has chosen a password of their own. Apart from the views, which load after it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

if TYPE_CHECKING:
    from subsidy_portal.models import User

TOKEN_LIFE = dt.timedelta(hours=24)


class DayTokenAuthentication(TokenAuthentication):
    """A token is good for 24 hours of the machine's time, and for nothing while a first password is unchanged."""

    def authenticate_credentials(self, key: str) -> tuple[User, Any]:
        user, token = super().authenticate_credentials(key)
        if token.created < timezone.now() - TOKEN_LIFE:
            raise AuthenticationFailed(_("接口令牌已过期。请重新取得。"))
        if user.must_change_password:
            raise AuthenticationFailed(_("请先在网页上登录，换成自己的密码。"))
        return user, token
