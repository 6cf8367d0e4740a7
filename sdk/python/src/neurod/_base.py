"""What all models of answers have in common."""

from __future__ import annotations

import html
from typing import Any

from pydantic import BaseModel, ConfigDict


class Base(BaseModel):
    """An answer of the service. Fields that this version does not know are kept and can be read like the others."""

    model_config = ConfigDict(extra="allow", protected_namespaces=(), populate_by_name=True, defer_build=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python, as JSON has them."""
        return self.model_dump(mode="json", by_alias=True)


def table(title: str, rows: dict[str, Any]) -> str:
    """Return a small HTML table for notebooks."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(str(k))}</th><td style='text-align:left'>{html.escape(str(v))}</td></tr>" for k, v in rows.items()
    )
    return f"<table><caption><b>{html.escape(title)}</b></caption>{cells}</table>"
