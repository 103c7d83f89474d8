import datetime as dt

import pytest

from subsidy_portal import clock


def test_a_rehearsal_may_set_its_date(set_today):
    set_today("2022-03-05")
    assert clock.today() == dt.date(2022, 3, 5)
    assert clock.now().date() == dt.date(2022, 3, 5)
    assert clock.now().utcoffset() == dt.timedelta(hours=8)


def test_a_production_portal_cannot(set_today, settings):
    set_today("2022-03-05")
    settings.REHEARSAL = False
    with pytest.raises(clock.ClockLocked):
        clock.set_today(dt.date(2022, 3, 5))
    assert clock.today() == dt.datetime.now(clock.CHINA).date()
