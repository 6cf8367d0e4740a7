"""Accounts, projects, keys, members, people, reports and the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, List  # classes here have methods of that name

from .. import _check, _errors, types
from .._base import Listing
from .._core import Call
from .jobs import AsyncJob
from .pages import AsyncPages

if TYPE_CHECKING:
    from .client import AsyncClient

_projects = Listing(types.Project)
_keys = Listing(types.Key)
_members = Listing(types.Member)
_invitations = Listing(types.Invitation)
_audit = Listing(types.AuditEvent)


class _Part:
    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def _project(self, project_id: str | None) -> str:
        found = project_id or self._client.project_id
        if not found:
            raise _errors.NeurodError("this needs a project: give project_id, here or to the client")
        return found


class AsyncAccount(_Part):
    """``client.account``: the user who is logged in."""

    async def change_password(self, current_password: str, new_password: str) -> types.Tokens:
        """Change the password. Every login ends; this client has the new one."""
        body = {"current_password": current_password, "new_password": new_password}
        tokens = await self._client._model(types.Tokens, Call("changePassword", json=body, auth="user", once=True))
        self._client._tokens.update(access=tokens.access_token, refresh=tokens.refresh_token)
        return tokens

    async def delete(self, password: str) -> types.DeleteAccountResult:
        """Delete the account, with the projects that nobody else is in."""
        return await self._client._model(types.DeleteAccountResult, Call("deleteAccount", json={"password": password}, auth="user", once=True))


class AsyncProjects(_Part):
    """``client.projects``"""

    async def create(self, name: str, *, idempotency_key: str | None = None) -> types.Project:
        """Make a project."""
        return await self._client._model(types.Project, Call("createProject", json={"name": name}, auth="user", idempotency_key=idempotency_key))

    async def list(self) -> List[types.Project]:
        """Return the projects of the user."""
        return _projects.validate_json((await self._client._call(Call("listProjects", auth="user"))).content)

    async def get(self, project_id: str | None = None) -> types.Project:
        """Read a project, by default the client's."""
        return await self._client._model(types.Project, Call("getProject", path={"id": self._project(project_id)}, auth="user"))

    async def usage(self, project_id: str | None = None) -> types.ProjectUsage:
        """Return what the project may use, and uses."""
        return await self._client._model(types.ProjectUsage, Call("projectUsage", path={"id": self._project(project_id)}, auth="user"))

    async def delete(self, project_id: str) -> types.DeletedProject | None:
        """Delete a project with everything in it; None where a broken attempt had done it already."""
        response = await self._client._delete(Call("deleteProject", path={"id": project_id}, auth="user", timeout=90))
        return types.DeletedProject.model_validate_json(response.content) if response is not None else None


class AsyncKeys(_Part):
    """``client.keys``"""

    async def create(
        self,
        name: str,
        *,
        project_id: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_in_days: int | None = None,
        expires_at: str | None = None,
        rate_limits: Mapping[str, Any] | None = None,
        license: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.CreatedKey:
        """Make an API key; its ``raw_key`` is shown in this answer and never again."""
        told = {
            "name": name,
            "scopes": None if scopes is None else _check.names("scopes", scopes),
            "expires_in_days": expires_in_days,
            "expires_at": expires_at,
            "rate_limits": dict(rate_limits) if rate_limits else None,
            "license": license,
        }
        body = {k: v for k, v in told.items() if v is not None}
        call = Call("createKey", path={"id": self._project(project_id)}, json=body, auth="user", idempotency_key=idempotency_key)
        return await self._client._model(types.CreatedKey, call)

    async def list(self, project_id: str | None = None) -> List[types.Key]:
        """Return the keys that are not revoked."""
        call = Call("listKeys", path={"id": self._project(project_id)}, auth="user")
        return _keys.validate_json((await self._client._call(call)).content)

    async def revoke(self, key_id: str, *, project_id: str | None = None) -> None:
        """Revoke a key, and all that were refreshed from it."""
        await self._client._delete(Call("revokeKey", path={"id": self._project(project_id), "key_id": key_id}, auth="user"))

    async def own(self) -> types.HeldKey:
        """Return what the client's own key is: project, scopes, licence, end."""
        return await self._client._model(types.HeldKey, Call("validateKey", json={}))

    async def refresh_own(self, *, idempotency_key: str | None = None) -> types.RefreshedKey:
        """Replace the client's own key: it uses the new one from now on, the old one works for one hour more."""
        answer = await self._client._model(types.RefreshedKey, Call("refresh", json={}, idempotency_key=idempotency_key))
        self._client.api_key = answer.api_key
        return answer

    async def revoke_own(self, *, include_refreshed: bool = False) -> types.RevokeOwnKeyResult:
        """Revoke the client's own key, for good."""
        body = {"include_refreshed": True} if include_refreshed else {}
        return await self._client._model(types.RevokeOwnKeyResult, Call("revokeOwnKey", json=body))


class AsyncMembers(_Part):
    """``client.members``"""

    async def list(self, project_id: str | None = None) -> List[types.Member]:
        """Return the members in the order in which they came."""
        call = Call("listMembers", path={"id": self._project(project_id)}, auth="user")
        return _members.validate_json((await self._client._call(call)).content)

    async def change_role(self, user_id: str, role: str, *, project_id: str | None = None) -> types.ChangeRoleResult:
        """Give a member another role: ``owner``, ``member`` or ``viewer``."""
        call = Call("changeRole", path={"id": self._project(project_id), "user_id": user_id}, json={"role": role}, auth="user")
        return await self._client._model(types.ChangeRoleResult, call)

    async def remove(self, user_id: str, *, project_id: str | None = None) -> None:
        """Remove a member, or leave."""
        await self._client._delete(Call("removeMember", path={"id": self._project(project_id), "user_id": user_id}, auth="user"))


class AsyncInvitations(_Part):
    """``client.invitations``"""

    async def create(self, email: str, role: str = "member", *, project_id: str | None = None, idempotency_key: str | None = None) -> types.CreatedInvitation:
        """Invite an e-mail address; its ``token`` is shown in this answer and never again."""
        call = Call("invite", path={"id": self._project(project_id)}, json={"email": email, "role": role}, auth="user", idempotency_key=idempotency_key)
        return await self._client._model(types.CreatedInvitation, call)

    async def list(self, project_id: str | None = None) -> List[types.Invitation]:
        """Return the invitations that can be accepted."""
        call = Call("listInvitations", path={"id": self._project(project_id)}, auth="user")
        return _invitations.validate_json((await self._client._call(call)).content)

    async def revoke(self, invitation_id: str, *, project_id: str | None = None) -> None:
        """Revoke an invitation."""
        call = Call("revokeInvitation", path={"id": self._project(project_id), "invitation_id": invitation_id}, auth="user")
        await self._client._delete(call)

    async def accept(self, token: str, *, idempotency_key: str | None = None) -> types.Project:
        """Become a member of the project that the token is of."""
        call = Call("acceptInvitation", json={"token": token}, auth="user", idempotency_key=idempotency_key)
        return await self._client._model(types.Project, call)


class AsyncUsers(_Part):
    """``client.users``: the people whose EEG it is."""

    async def erase(self, external_user_id: str, *, timeout: float | None = None) -> types.EraseUserResult:
        """Erase a person: their sessions, samples, windows, jobs and models trained on them. An audit record stays, with a hash.

        It waits until all is deleted. To erase again is harmless, and counts 0.
        """
        response = await self._client._call(Call("eraseUser", path={"external_user_id": external_user_id}, timeout=90))
        if response.status_code == 202:
            job = AsyncJob._of(self._client, response.content)
            await job.wait(timeout)
            job.raise_for_status()
            return types.EraseUserResult.model_validate({"deleted_external_user_id": external_user_id, **(job.output or {})})
        return types.EraseUserResult.model_validate_json(response.content)


class AsyncAnalytics(_Part):
    """``client.analytics``"""

    async def log(
        self,
        event_type: str,
        *,
        model_name: str | None = None,
        inference_type: str | None = None,
        duration_ms: float | None = None,
        success: bool | None = None,
        error_message: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> types.LogEventResult:
        """Report a use of a model: ``inference``, ``model_load`` or ``error``. Put nothing into it that names a person."""
        told = {
            "event_type": event_type,
            "model_name": model_name,
            "inference_type": inference_type,
            "duration_ms": duration_ms,
            "success": success,
            "error_message": error_message,
            "metadata": dict(metadata) if metadata is not None else None,
        }
        body = {k: v for k, v in told.items() if v is not None}
        return await self._client._model(types.LogEventResult, Call("logEvent", json=body, idempotency_key=idempotency_key))


class AsyncAudit(_Part):
    """``client.audit``"""

    def list(self, *, project_id: str | None = None, action: str | None = None, limit: int | None = None) -> AsyncPages[types.AuditEvent]:
        """Read the audit log of the account and of the projects that it owns, newest first."""

        async def pages() -> AsyncIterator[Sequence[types.AuditEvent]]:
            cursor: str | None = None
            while True:
                query = {"project_id": project_id, "action": action, "limit": min(200, limit or 200), "cursor": cursor}
                response = await self._client._call(Call("listAudit", query=query, auth="user"))
                yield _audit.validate_json(response.content)
                cursor = response.headers.get("x-next-cursor")
                if not cursor:
                    return

        return AsyncPages(pages(), limit)


class AsyncAdmin(_Part):
    """``client.admin``: for operators of the server."""

    async def queues(self) -> Any:
        """Return the state of the queues."""
        return await self._client._json(Call("adminQueues", auth="user"))

    async def projects(self, *, limit: int | None = None, cursor: str | None = None) -> Any:
        """Return a page of all projects of the server."""
        return await self._client._json(Call("adminProjects", query={"limit": limit, "cursor": cursor}, auth="user"))
