"""What the list of notices needs beside the portal's own filters."""

from django import template

from programs.models import Notice
from publicity import notices

register = template.Library()


@register.filter
def days_left(notice: Notice) -> int:
    """The days on which a notice can still be read, today counted; 0 when it is over."""
    return notices.days_left(notice) if notices.is_running(notice) else 0
