"""What all models of answers have in common."""

from __future__ import annotations

import html
from typing import Any, Generic, List, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import Self

from ._errors import AnswerError

T = TypeVar("T")


class Base(BaseModel):
    """An answer of the service. Fields that this version does not know are kept and can be read like the others."""

    model_config = ConfigDict(extra="allow", protected_namespaces=(), populate_by_name=True, defer_build=True)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Read an answer; AnswerError where it is none of this kind."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as err:
            raise not_an_answer(cls.__name__, err) from err

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Read an answer; AnswerError where it is none of this kind."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as err:
            raise not_an_answer(cls.__name__, err) from err

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python, as JSON has them."""
        return self.model_dump(mode="json", by_alias=True)


class Listing(Generic[T]):
    """Lists of answers."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[List[T]] = TypeAdapter(List[kind])  # type: ignore[valid-type]
        self._name = getattr(kind, "__name__", "objects")

    def validate_json(self, content: bytes) -> List[T]:
        """Read a list; AnswerError where it is none of this kind."""
        try:
            return self._adapter.validate_json(content)
        except ValidationError as err:
            raise not_an_answer(f"list of {self._name}", err) from err


def not_an_answer(kind: str, err: ValidationError) -> AnswerError:
    """Return the error of an answer that is not of its kind: the first fields that are wrong."""
    wrong = [f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in err.errors(include_url=False, include_input=False)[:3]]
    return AnswerError(f"an answer of the server is no {kind} as this version knows it ({'; '.join(wrong)}): is the server of another version?")


def table(title: str, rows: dict[str, Any]) -> str:
    """Return a small HTML table for notebooks."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(str(k))}</th><td style='text-align:left'>{html.escape(str(v))}</td></tr>" for k, v in rows.items()
    )
    return f"<table><caption><b>{html.escape(title)}</b></caption>{cells}</table>"
