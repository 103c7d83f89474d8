"""Official paper as .docx: the type and margins of 党政机关公文格式, tables, and charts that Word draws itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from docx import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from openpyxl.chart import BarChart
from openpyxl.chart.data_source import AxDataSource, NumData, NumDataSource, NumVal, StrData, StrVal
from openpyxl.chart.label import DataLabelList
from openpyxl.chart.series import Series, SeriesLabel
from openpyxl.xml.functions import tostring

_CHART_TYPE = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
_WIDTH, _HEIGHT = 5_500_000, 2_600_000  # of a chart, in EMU: 15.3 × 7.2 cm
_INK = "1F4E9E"
# The inline frame around a chart; python-docx knows pictures only.
_FRAME = """<w:r xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:drawing>
<wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing">
<wp:extent cx="{width}" cy="{height}"/><wp:docPr id="{number}" name="图表{number}" descr=""/>
<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">
<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/chart">
<c:chart xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="{relation}"/>
</a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"""


class Paper:
    """One document, written from top to bottom. A line break in the title stays one."""

    def __init__(self, title: str) -> None:
        self.document = Document()
        self._charts = 0
        self._numbers: Counter[str] = Counter()
        page = self.document.sections[0]
        page.page_width, page.page_height = Cm(21), Cm(29.7)
        page.top_margin, page.bottom_margin = Cm(3.7), Cm(3.5)
        page.left_margin, page.right_margin = Cm(2.8), Cm(2.6)
        self._number_pages(page)
        self.document.core_properties.title = title.replace("\n", "")
        self.document.core_properties.author = ""
        paragraph = self._paragraph(title, "方正小标宋简体", 22, centred=True)
        paragraph.paragraph_format.space_after = Pt(20)

    def heading(self, text: str) -> None:
        paragraph = self._paragraph(text, "黑体", 16, indent=True)
        paragraph.style = self.document.styles["Heading 1"]
        paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(0)
        _set_type(paragraph.runs[0], "黑体", 16)

    def text(self, text: str) -> None:
        """Paragraphs of body text, one for each line of ``text``."""
        for line in filter(None, (part.strip() for part in text.splitlines())):
            self._paragraph(line, "仿宋_GB2312", 16, indent=True)

    def caption(self, kind: str, text: str) -> None:
        """The numbered title of the next 表 or 图."""
        self._numbers[kind] += 1
        paragraph = self._paragraph(f"{kind}{self._numbers[kind]}　{text}", "黑体", 12, centred=True)
        paragraph.paragraph_format.keep_with_next = True

    def signed(self, unit: str, day: str) -> None:
        """Who and when, never alone on a page."""
        self.document.paragraphs[-1].paragraph_format.keep_with_next = True
        for text in (unit, day):
            paragraph = self._paragraph(text, "仿宋_GB2312", 16)
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            if text == unit:
                paragraph.paragraph_format.space_before = Pt(28)
            paragraph.paragraph_format.keep_with_next = text == unit

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
        """A table whose first column is text and the others figures, right-aligned; ``widths`` in millimetres."""
        table = self.document.add_table(rows=1, cols=len(head), style="Table Grid")
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        table.autofit = False
        for column, width in zip(table.columns, widths, strict=True):
            column.width = Cm(width / 10)
        for line in (head, *rows):
            cells = table.rows[0].cells if line is head else table.add_row().cells
            for cell, text, width in zip(cells, line, widths, strict=True):
                cell.width = Cm(width / 10)
                paragraph = cell.paragraphs[0]
                _set_type(paragraph.add_run(text), "宋体", 10.5, bold=line is head)
                paragraph.alignment = (
                    WD_ALIGN_PARAGRAPH.CENTER if line is head
                    else WD_ALIGN_PARAGRAPH.RIGHT if _is_figure(text) else WD_ALIGN_PARAGRAPH.LEFT
                )  # fmt: skip
        _repeat(table.rows[0])
        self.document.add_paragraph().paragraph_format.space_after = Pt(0)

    def chart(self, names: Sequence[str], series: Sequence[tuple[str, Sequence[str]]], *, lying: bool = False) -> None:
        """Bars of ``series`` (name, one figure as text for each of ``names``); ``lying`` for long names."""
        chart = BarChart()
        chart.type, chart.gapWidth, chart.style = "bar" if lying else "col", 60, 2
        chart.series = [_series(place, name, names, values) for place, (name, values) in enumerate(series)]
        chart.dataLabels = DataLabelList(showVal=True, showSerName=False, showCatName=False, showLegendKey=False)
        chart.x_axis.delete = chart.y_axis.delete = False
        chart.y_axis.majorGridlines = None
        chart.legend = chart.legend if len(series) > 1 else None
        if lying:
            chart.x_axis.scaling.orientation = "maxMin"
            chart.y_axis.delete = True
        self._charts += 1
        name = PackURI(f"/word/charts/chart{self._charts}.xml")
        part = Part(name, _CHART_TYPE, _chart_xml(chart), self.document.part.package)
        relation = self.document.part.relate_to(part, RELATIONSHIP_TYPE.CHART)
        frame = _FRAME.format(width=_WIDTH, height=_HEIGHT, number=1000 + self._charts, relation=relation)
        paragraph = self.document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph._p.append(parse_xml(frame))  # type: ignore[arg-type]

    def save(self) -> bytes:
        target = BytesIO()
        self.document.save(target)
        return target.getvalue()

    def _paragraph(self, text: str, font: str, size: int, *, centred: bool = False, indent: bool = False) -> Any:
        paragraph = self.document.add_paragraph()
        _set_type(paragraph.add_run(text), font, size)
        layout = paragraph.paragraph_format
        layout.line_spacing_rule, layout.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(28 if size < 20 else 34)
        layout.space_after = Pt(0)
        if centred:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        if indent:
            layout.first_line_indent = Pt(size * 2)
        return paragraph

    def _number_pages(self, page: Any) -> None:
        paragraph = page.footer.paragraphs[0]
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        field = OxmlElement("w:fldSimple")
        field.set(qn("w:instr"), "PAGE")
        paragraph._p.append(field)


def _chart_xml(chart: Any) -> bytes:
    """openpyxl writes the same chart part that Word reads."""
    return tostring(chart._write())


def _set_type(run: Any, font: str, size: Any, *, bold: bool = False) -> None:
    run.font.name, run.font.size, run.font.bold = "Times New Roman", Pt(size), bold
    run.font.color.rgb = RGBColor(0, 0, 0)
    fonts = run._element.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), font)


def _is_figure(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("%", "").replace("—", "0").isdecimal()


def _repeat(row: Any) -> None:
    """The header comes again on every page, and no row is torn in two."""
    mark = OxmlElement("w:tblHeader")
    row._tr.get_or_add_trPr().append(mark)


def _series(place: int, name: str, names: Sequence[str], values: Sequence[str]) -> Series:
    texts = [StrVal(idx=n, v=text) for n, text in enumerate(names)]
    points = [NumVal(idx=n, v=value.replace(",", "")) for n, value in enumerate(values)]
    series = Series(
        idx=place,
        order=place,
        tx=SeriesLabel(v=name),
        cat=AxDataSource(strLit=StrData(ptCount=len(texts), pt=texts)),
        val=NumDataSource(numLit=NumData(formatCode="General", ptCount=len(points), pt=points)),
    )
    series.graphicalProperties.solidFill = _INK if place else "9DB7E0"
    return series
