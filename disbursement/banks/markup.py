"""XML from and to banks: no entities, no network, one encoding that was agreed, and a schema where there is one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from disbursement.banks.reading import Unfit

SCHEMAS = Path(__file__).parent / "schemas"
_DECLARED = re.compile(r"""\s*<\?xml\s+version=["']1\.0["']\s+encoding=["']([A-Za-z0-9-]+)["'][^>]*\?>""")
_LONGEST_HEAD = 200
# What may stand between tags: text, a list of (tag, content), or one of these with attributes
Content = Any


def read_xml(content: bytes, encoding: str) -> etree._Element:
    """The root of a message in ``encoding``; Unfit for another one, for a DOCTYPE and for what is not well-formed."""
    try:
        text = content.decode("gb18030" if encoding == "GBK" else encoding)
    except UnicodeDecodeError:
        raise Unfit(0, f"不是{encoding}编码") from None
    declared = _DECLARED.match(text[:_LONGEST_HEAD])
    if declared is None or declared[1].upper() != encoding:
        raise Unfit(0, f"没有声明{encoding}编码")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Unfit(0, "含有DOCTYPE或实体定义")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        return etree.fromstring(text[declared.end() :].encode(), parser)
    except etree.XMLSyntaxError as error:
        raise Unfit(error.lineno or 0, "XML不完整或格式不对") from None


@cache
def _schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMAS / f"{name}.xsd")))


def check_schema(root: etree._Element, name: str) -> None:
    """Raise Unfit when ``root`` is not valid against the official schema ``name`` (``pain.002.001.12``)."""
    schema = _schema(name)
    if not schema.validate(root):
        first = schema.error_log[0]
        # The value is left out of the sentence: it may be a person's.
        raise Unfit(first.line, f"不符合{name}的报文格式（{first.type_name}）")


def write_xml(tag: str, content: Content, encoding: str, namespace: str | None = None) -> bytes:
    """A document of nested (tag, content) pairs; a letter ``encoding`` lacks becomes a character reference."""
    prefix = f"{{{namespace}}}" if namespace else ""
    root = etree.Element(prefix + tag, nsmap={None: namespace} if namespace else None)
    _fill(root, content, prefix)
    return etree.tostring(root, encoding=encoding, xml_declaration=True)


def _fill(parent: etree._Element, content: Content, prefix: str) -> None:
    """Text, or (tag, content) pairs; text with attributes is ``(text, {…})``."""
    if isinstance(content, str):
        parent.text = content
    elif isinstance(content, tuple):
        parent.text = content[0]
        for name, value in content[1].items():
            parent.set(name, value)
    else:
        for tag, inner in content:
            _fill(etree.SubElement(parent, prefix + tag), inner, prefix)
