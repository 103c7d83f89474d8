"""Celery is a doorbell: a task is told which row to look at, Postgres holds the queue and the truth.

Every task may be lost or run twice without harm; ``sweep`` rings again for whatever was forgotten.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "subsidy_portal.settings")
app = Celery("subsidy_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
