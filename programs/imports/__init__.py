"""Rosters as files: the template out, any filled workbook in, precise errors back.

``columns`` says what a roster has, ``layout`` finds it in a sheet, ``cells`` and ``reading`` turn it into
claims, ``registry`` and ``storing`` make rows of them, ``marking`` gives a faulty file back.
"""

from programs.imports.columns import template_columns
from programs.imports.template import build_template

__all__ = ["build_template", "template_columns"]
