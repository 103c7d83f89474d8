"""``python -m tests.corpus.rosters FOLDER``: write every file of the corpus with its expected result beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def write_all(folder: Path) -> int:
    """Returns how many files were written, each with a .json of what the import makes of it."""
    from tests.corpus.rosters import DEFECTS
    from tests.corpus.rosters.files import FILES

    folder.mkdir(parents=True, exist_ok=True)
    for name, file in FILES.items():
        data = file.as_data()
        if file.kinds:
            data["messages"] = DEFECTS[file.kinds[0]].expected
        (folder / name).write_bytes(file.make())
        (folder / f"{name}.json").write_text(json.dumps(data, ensure_ascii=False, indent=1))
    return len(FILES)


if __name__ == "__main__":
    print(write_all(Path(sys.argv[1])))
