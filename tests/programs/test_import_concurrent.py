"""Imports at the same time, and the bar that moves while one of them stores."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction

from programs import actions
from programs.imports.progress import Progress
from programs.models import Account, Household, Person, RosterImport, RosterRow
from subsidy_portal.jobs import start_job
from subsidy_portal.models import Job, User
from tests import make
from tests.corpus import rosters as corpus

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_new_people_in_four_files_at_once_are_registered_once(set_today: Callable[[str], None]) -> None:
    set_today("2022-03-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    clerk = make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)
    User.objects.system()
    content = corpus.clean_file(60)
    started = [
        actions.upload_roster(
            make.make_program(), clerk.organisation.area, "2022-03", file_name="a.xlsx", content=content, actor=clerk
        )
        for _ in range(4)
    ]
    together = Barrier(4)

    def work(pk: int) -> None:
        try:
            together.wait()
            actions.import_roster(pk)
        finally:
            connection.close()

    threads = [Thread(target=work, args=(found.pk,)) for found in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(RosterImport.objects.values_list("status", "rows")) == {("imported", 60)}
    assert [model.objects.count() for model in (Person, Household, Account, RosterRow)] == [60, 60, 60, 240]


def test_the_bar_moves_while_the_rows_are_not_yet_committed() -> None:
    clerk = make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)
    job = start_job("roster-import", "programs.tasks.none", owner=clerk)
    Job.objects.update(status=Job.Status.RUNNING)
    with transaction.atomic(), Progress(job) as progress:
        make.make_person()
        progress.say(70, "正在保存", at_once=True)
        transaction.set_rollback(True)
    assert Person.objects.count() == 0
    job.refresh_from_db()
    assert (job.done, job.total, job.message) == (70, 100, "正在保存")
    assert job.beat_at is not None
