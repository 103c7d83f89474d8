"""Bells of the public side: what time alone brings."""

from __future__ import annotations

from celery import shared_task

from publicity.actions_inquiries import close_unrated, remind_offices
from publicity.actions_messages import queue_messages, send_messages


@shared_task
def inquiries_hourly() -> None:
    """Remind who has to answer, and close what nobody judged."""
    remind_offices()
    close_unrated()


@shared_task
def messages() -> None:
    """Queue what is new and send what waits."""
    queue_messages()
    while send_messages():
        pass
