"""Prints the reference of the Python client, from its docstrings: docs/reference/python.md."""

from __future__ import annotations

import inspect
import re
from typing import Any

import neurod
import neurod._errors
import neurod.live
from neurod._sync import accounts, client, devices, jobs, models, pages, sessions, stream, webhooks

PARTS = [
    (sessions.Sessions, "client.sessions"),
    (sessions.Session, "Session"),
    (sessions.SessionFeatures, "session.features"),
    (sessions.SessionDecodes, "session.decodes"),
    (sessions.SessionEvents, "session.events"),
    (stream.Stream, "session.stream()"),
    (devices.Devices, "client.devices"),
    (jobs.Jobs, "client.jobs"),
    (jobs.Job, "Job"),
    (models.Models, "client.models"),
    (accounts.Projects, "client.projects"),
    (accounts.Keys, "client.keys"),
    (accounts.Members, "client.members"),
    (accounts.Invitations, "client.invitations"),
    (accounts.Users, "client.users"),
    (accounts.Analytics, "client.analytics"),
    (accounts.Audit, "client.audit"),
    (accounts.Account, "client.account"),
    (accounts.Admin, "client.admin"),
    (webhooks.Webhooks, "client.webhooks"),
    (pages.Pages, "Pages"),
    (neurod.Webhook, "neurod.Webhook"),
    (neurod.RetryPolicy, "neurod.RetryPolicy"),
    (neurod.FeatureWindow, "FeatureWindow"),
    (neurod.Features, "Features"),
    (neurod.DecodeResult, "DecodeResult"),
]


def signature(thing: Any, name: str) -> str:
    text = str(inspect.signature(thing))
    text = re.sub(r"\(self(, )?", "(", text)
    text = text.replace("neurod._sync.", "").replace("collections.abc.", "").replace("'", "")
    return f"{name}{text}"


def paragraph(doc: str | None) -> str:
    doc = inspect.cleandoc(doc or "")
    doc = re.sub(r":(?:class|meth|func|mod):`~?([^`]+)`", lambda m: f"`{m[1].split('.')[-1]}`", doc)
    doc = doc.replace("``", "`")
    out, listing = [], False
    for line in doc.splitlines():
        if line in ("Args:", "Returns:", "Raises:"):
            out.append(f"*{line}*\n")
            listing = True
            continue
        if listing and line.startswith("    ") and not line.startswith("        ") and ":" in line:
            name, _, rest = line.strip().partition(":")
            out.append(f"- `{name}`:{rest}")
            continue
        out.append(line.strip() if listing else line)
    return "\n".join(out).strip()


def members(kind: type, title: str, heading: str = "###") -> list[str]:
    out = [f"{heading} {title}\n", paragraph(kind.__doc__), ""]
    if kind in (client.Client, neurod.live.Bridge):
        out += [f"```text\n{signature(kind.__init__, kind.__name__)}\n```\n"]
    for name, member in vars(kind).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        if isinstance(member, property):
            out += [f"**`{name}`** (attribute): {paragraph(member.__doc__)}\n"]
        else:
            out += [f"**`{signature(member, name)}`**\n", paragraph(member.__doc__), ""]
    return out


def main() -> None:
    parts = [f"client.{name}" for name, member in vars(client.Client).items() if isinstance(member, property) and not name.startswith(("_", "with_"))]
    if missing := set(parts) - {title for _, title in PARTS}:
        raise SystemExit(f"reference.py: PARTS lacks {sorted(missing)}")
    out = [
        "# Python client\n",
        "Generated from the docstrings of `sdk/python` by its `scripts/reference.py`. `AsyncClient` has the same methods, to be awaited; lists\n"
        "are iterated over with `async for`.\n",
        "## Client\n",
        *members(client.Client, "neurod.Client"),
        "## Parts\n",
    ]
    for kind, title in PARTS:
        out += members(kind, title)
    out += ["## Live sources\n", paragraph(neurod.live.__doc__).split(">>>")[0].strip(), ""]
    for function in (neurod.live.from_lsl, neurod.live.from_brainflow, neurod.live.from_file):
        out += [f"**`{signature(function, function.__name__)}`**\n", paragraph(function.__doc__), ""]
    out += members(neurod.live.Source, "Source") + members(neurod.live.Recording, "Recording") + members(neurod.live.Bridge, "Bridge")
    out += ["## Errors\n", "| class | of | |\n| --- | --- | --- |"]
    for name in neurod._errors.__all__:
        kind = getattr(neurod._errors, name)
        if issubclass(kind, Exception):
            told = " ".join(paragraph(kind.__doc__).split())
            out.append(f"| `{name}` | `{kind.__mro__[1].__name__}` | {told} |")
    print("\n".join(out).rstrip())


if __name__ == "__main__":
    main()
