"""publicity → selfcheck → disbursement → programs → subsidy_portal: nothing imports upwards."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ["subsidy_portal", "programs", "disbursement", "selfcheck", "publicity"]
# Where the house is put together: these know every app.
COMPOSITION = ("subsidy_portal/urls.py", "subsidy_portal/api_urls.py", "subsidy_portal/demo/", "subsidy_portal/bench/",
               "subsidy_portal/management/commands/")  # fmt: skip


def modules() -> list[Path]:
    return sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))


def imported(source: str) -> set[str]:
    """The first names of every module a source imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def upward(floor: str, source: str) -> set[str]:
    return imported(source) & set(FLOORS[FLOORS.index(floor) + 1 :])


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_upwards(path):
    relative = str(path.relative_to(ROOT))
    if not relative.startswith(COMPOSITION):
        assert upward(relative.split("/")[0], path.read_text()) == set()


def test_an_upward_import_is_seen_wherever_it_hides():
    assert upward("programs", "def f():\n    from disbursement.models import Batch\n") == {"disbursement"}
    assert upward("subsidy_portal", "import programs.models\n") == {"programs"}
    assert upward("publicity", "import selfcheck, programs\n") == set()
