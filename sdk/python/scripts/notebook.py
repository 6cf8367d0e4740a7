"""Writes an example with `# %%` cells as a notebook, to its standard output:

python notebook.py examples/python/features_of_a_recording.py > examples/python/features_of_a_recording.ipynb
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any


def cells_of(text: str) -> list[dict[str, Any]]:
    """The docstring as a cell of text, then each part that a line `# %% title` begins as a title and its code."""
    head, *parts = text.split("\n# %% ")
    cells = [cell("markdown", ast.get_docstring(ast.parse(head)) or "")]
    for part in parts:
        title, _, code = part.partition("\n")
        cells += [cell("markdown", f"## {title}"), cell("code", code.strip("\n"))]
    return [{**c, "id": f"cell-{i}"} for i, c in enumerate(cells)]


def cell(kind: str, text: str) -> dict[str, Any]:
    """A cell of the notebook format, version 4.5."""
    made: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)}
    return {**made, "execution_count": None, "outputs": []} if kind == "code" else made


def notebook(text: str) -> str:
    """The notebook of a script."""
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells_of(text), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(notebook(Path(sys.argv[1]).read_text(encoding="utf-8")))
