"""The client: credentials, and the one place where calls are sent and sent again."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json as jsonlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from .. import _check, _errors, _recordings, types
from .._base import Base
from .._core import DEFAULT_BASE_URL, USER_AGENT, Body, Call, captured, credential
from .._http import httpx
from .._io import async_lock, async_sleep
from .._recordings import Event, Recording
from .._retry import RetryPolicy
from .._views import DecodeResult
from ..types import DecodeContextParam, DecodeSeizureParam, DecodeStimulusParam
from .accounts import AsyncAccount, AsyncAdmin, AsyncAnalytics, AsyncAudit, AsyncInvitations, AsyncKeys, AsyncMembers, AsyncProjects, AsyncUsers
from .devices import AsyncDevices
from .jobs import AsyncJob, AsyncJobs
from .models import AsyncModels
from .pages import AsyncRawClient
from .sessions import AsyncSessions
from .webhooks import AsyncWebhooks

log = logging.getLogger("neurod")

M = TypeVar("M", bound=Base)


class AsyncClient:
    """A client of a neurod server, for one project.

    It may be used by many tasks at once, keeps connections open between calls, and is best made once: close it with ``aclose()``, or use it
    in ``async with``.

    Args:
        api_key: an API key of the project; ``VOXEL_API_KEY`` (or ``NEUROD_API_KEY``) in the environment stands in for it.
        project_id: the project; ``VOXEL_PROJECT_ID`` (or ``NEUROD_PROJECT_ID``). An API key knows its own, a login needs it.
        base_url: where the server is; ``VOXEL_BASE_URL`` (or ``NEUROD_BASE_URL``), else ``http://localhost:8000``.
        access_token: a token of a login, instead of an API key or for what only a user may; see ``login``.
        timeout: seconds that one attempt may take to connect, to send or to answer.
        max_retries: how often a call is repeated at most after the first attempt; 0 for never.
        retry: the whole policy, where the number alone does not do.
        headers: sent with every call.
        http_client: a client of httpx2 (httpx on Python 3.10) of your own, with proxies, certificates and the like.
    """

    def __init__(
        self,
        api_key: str | None = None,
        project_id: str | None = None,
        *,
        base_url: str | None = None,
        access_token: str | None = None,
        timeout: float = 60.0,
        max_retries: int | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.api_key = credential(api_key, "VOXEL_API_KEY") or os.environ.get("NEUROD_API_KEY") or None
        self.project_id = credential(project_id, "VOXEL_PROJECT_ID") or os.environ.get("NEUROD_PROJECT_ID") or None
        self.base_url = _check.address(base_url or os.environ.get("VOXEL_BASE_URL") or os.environ.get("NEUROD_BASE_URL") or DEFAULT_BASE_URL)
        self.timeout = timeout
        self.retry = retry or RetryPolicy()
        if max_retries is not None:
            self.retry = dataclasses.replace(self.retry, attempts=max_retries + 1)
        self._headers = {"User-Agent": USER_AGENT, **(headers or {})}
        self._tokens: dict[str, Any] = {"access": access_token, "refresh": None}
        self._lock = async_lock()
        self._owned = http_client is None
        self._http = http_client or httpx.AsyncClient(
            follow_redirects=False, timeout=timeout, limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30)
        )

    def __repr__(self) -> str:
        key = f"{self.api_key[:4]}…{self.api_key[-4:]}" if self.api_key and len(self.api_key) > 12 else None
        return f"{type(self).__name__}(base_url={self.base_url!r}, project_id={self.project_id!r}, api_key={key!r})"

    async def aclose(self) -> None:
        """Close the connections. A client that was given by ``http_client`` is left open."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        project_id: str | None = None,
    ) -> AsyncClient:
        """Return a client with other settings that shares connections and login with this one."""
        other = copy.copy(self)
        other._owned = False
        if timeout is not None:
            other.timeout = timeout
        if retry is not None:
            other.retry = retry
        if max_retries is not None:
            other.retry = dataclasses.replace(other.retry, attempts=max_retries + 1)
        if headers:
            other._headers = {**self._headers, **headers}
        if project_id:
            other.project_id = project_id
        return other

    # What the API has, by its parts.

    @property
    def sessions(self) -> AsyncSessions:
        """Recordings, live or from files, with their feature windows."""
        return AsyncSessions(self)

    @property
    def devices(self) -> AsyncDevices:
        """Amplifiers that the server, an agent or a bridge runs."""
        return AsyncDevices(self)

    @property
    def jobs(self) -> AsyncJobs:
        """Whatever runs in the background."""
        return AsyncJobs(self)

    @property
    def models(self) -> AsyncModels:
        """Models: list, download, upload, train, calibrate, roll back."""
        return AsyncModels(self)

    @property
    def projects(self) -> AsyncProjects:
        """Projects of a login."""
        return AsyncProjects(self)

    @property
    def keys(self) -> AsyncKeys:
        """API keys."""
        return AsyncKeys(self)

    @property
    def members(self) -> AsyncMembers:
        """Members of the project."""
        return AsyncMembers(self)

    @property
    def invitations(self) -> AsyncInvitations:
        """Invitations into the project."""
        return AsyncInvitations(self)

    @property
    def users(self) -> AsyncUsers:
        """The people whose EEG it is, who may be erased."""
        return AsyncUsers(self)

    @property
    def analytics(self) -> AsyncAnalytics:
        """Reports of the use of models."""
        return AsyncAnalytics(self)

    @property
    def audit(self) -> AsyncAudit:
        """Who did what, and when."""
        return AsyncAudit(self)

    @property
    def account(self) -> AsyncAccount:
        """The account of a login."""
        return AsyncAccount(self)

    @property
    def admin(self) -> AsyncAdmin:
        """What operators of the server see."""
        return AsyncAdmin(self)

    @property
    def webhooks(self) -> AsyncWebhooks:
        """Where the service sends word to."""
        return AsyncWebhooks(self)

    @property
    def with_raw_response(self) -> AsyncRawClient:
        """The same client, whose calls return :class:`RawResponse`: status, headers and body as they came, beside what was made of them."""
        return AsyncRawClient(self)

    # Decoding.

    async def submit(
        self,
        recording: Recording | None = None,
        *,
        paradigm: str | None = None,
        sample_rate: float | None = None,
        channels: int | Sequence[str] | None = None,
        events: Sequence[Event] | str | None = None,
        event_classes: Mapping[str, str] | None = None,
        trials: str | None = None,
        stimulus: DecodeStimulusParam | None = None,
        model: str | None = None,
        device: str | None = None,
        channel_names: Mapping[str, str] | None = None,
        alignment: str | None = None,
        seizure: DecodeSeizureParam | None = None,
        unit: str | None = None,
        session_id: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        context: DecodeContextParam | Mapping[str, Any] | None = None,
        features: Sequence[str] | None = None,
        diagnostics: bool = False,
        idempotency_key: str | None = None,
    ) -> AsyncJob:
        """Submit a recording to be decoded and return its job at once.

        Args:
            recording: an array of channels × samples in µV (or ``unit``), a dictionary of numbers by channel, an MNE ``Raw``, or an EDF, BDF or
                GDF file or its path. Left out with ``session_id``.
            paradigm: ``motor_imagery``, ``p300``, ``ssvep``, ``seizure`` or ``auto`` (by default).
            sample_rate: Hz; files carry their own.
            channels: names, or how many; a number takes the usual montage of ``device``.
            events: cues and flashes (``{"onset_s", "code", "label"}`` or tuples), or ``"all"``: those of the file or session, each answered.
            event_classes: what events stand for, such as ``{"7": "left_hand"}``.
            trials: ``first`` (by default) or ``all``.
            stimulus: targets of SSVEP, the matrix of a P300 speller.
            model: ``name`` or ``name@version``; without it the best fitting one.
            seizure: where the seizure check draws its line: ``{"false_alarms_per_day": 30}`` or ``{"threshold": 0.7}``.
            session_id, start_ms, end_ms: samples of a session instead of ``recording``.
            context: locale, history, ``ui_mode``, ``intents``.
            features: of the recording, in the answer: ``band_power``, ``relative_power``, ``aperiodic``, ``alpha_peak``.
            diagnostics: have routing and times kept with the result.
            idempotency_key: one of your own; one is made otherwise, and kept over repetitions.
        """
        body = _recordings.decode_request(
            recording,
            paradigm=paradigm,
            sample_rate=sample_rate,
            channels=channels,
            events_=events,
            event_classes=event_classes,
            trials=trials,
            stimulus=stimulus,
            model=model,
            device=device,
            channel_names=channel_names,
            alignment=alignment,
            seizure=seizure,
            unit=unit,
            session_id=session_id,
            start_ms=start_ms,
            end_ms=end_ms,
            context=context,
            features=features,
            diagnostics=diagnostics,
        )
        accepted = await self._model(types.Accepted, Call("decode", json=body, idempotency_key=idempotency_key))
        return AsyncJob._accepted(self, accepted)

    async def decode(
        self,
        recording: Recording | None = None,
        *,
        paradigm: str | None = None,
        sample_rate: float | None = None,
        channels: int | Sequence[str] | None = None,
        events: Sequence[Event] | str | None = None,
        event_classes: Mapping[str, str] | None = None,
        trials: str | None = None,
        stimulus: DecodeStimulusParam | None = None,
        model: str | None = None,
        device: str | None = None,
        channel_names: Mapping[str, str] | None = None,
        alignment: str | None = None,
        seizure: DecodeSeizureParam | None = None,
        unit: str | None = None,
        session_id: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        context: DecodeContextParam | Mapping[str, Any] | None = None,
        features: Sequence[str] | None = None,
        diagnostics: bool = False,
        idempotency_key: str | None = None,
        timeout: float | None = 300.0,
    ) -> DecodeResult:
        """Decode a recording and wait for the answer: ``submit`` and ``result`` in one. Takes what ``submit`` takes.

        Args:
            timeout: seconds to wait for the job; None for ever.

        Raises:
            DecodeFailed: the recording cannot be decoded; ``code`` and ``details`` say why.
            WaitTimeout: it took longer; the job goes on.
        """
        job = await self.submit(
            recording,
            paradigm=paradigm,
            sample_rate=sample_rate,
            channels=channels,
            events=events,
            event_classes=event_classes,
            trials=trials,
            stimulus=stimulus,
            model=model,
            device=device,
            channel_names=channel_names,
            alignment=alignment,
            seizure=seizure,
            unit=unit,
            session_id=session_id,
            start_ms=start_ms,
            end_ms=end_ms,
            context=context,
            features=features,
            diagnostics=diagnostics,
            idempotency_key=idempotency_key,
        )
        result = await job.result(timeout=timeout)
        assert isinstance(result, DecodeResult)
        return result

    async def submit_batch(self, recordings: Sequence[Recording | Mapping[str, Any]], *, idempotency_key: str | None = None, **common: Any) -> AsyncJob:
        """Submit up to 100 recordings as one job.

        Each is a recording as ``submit`` takes it, or a dictionary of its arguments (with ``recording``, or ``session_id``); ``common`` are
        arguments that all of them have.
        """
        items = []
        for entry in _check.list_of("recordings", recordings, "recordings"):
            own = dict(entry) if isinstance(entry, Mapping) and ("recording" in entry or "session_id" in entry) else {"recording": entry}
            told = {**common, **own}
            told["events_"] = told.pop("events", None)
            items.append(_recordings.decode_request(told.pop("recording", None), **told))
        accepted = await self._model(types.BatchAccepted, Call("decodeBatch", json={"items": items}, idempotency_key=idempotency_key))
        return AsyncJob._accepted(self, accepted)

    async def decode_batch(
        self, recordings: Sequence[Recording | Mapping[str, Any]], *, timeout: float | None = 600.0, **common: Any
    ) -> list[DecodeResult | _errors.JobError]:
        """Decode many recordings and return an answer for each, in order; what cannot be decoded is its error instead.

        More than 100 are sent in parts. Takes what ``submit_batch`` takes.
        """
        jobs = []
        recordings = _check.list_of("recordings", recordings, "recordings")
        for at in range(0, len(recordings), 100):
            jobs.append(await self.submit_batch(recordings[at : at + 100], **common))
        answers: list[DecodeResult | _errors.JobError] = []
        for job in jobs:
            await job.wait(timeout=timeout)
            answers.extend(job.answers())
        return answers

    async def decode_epochs(self, epochs: Any, *, timeout: float | None = 600.0, **common: Any) -> list[DecodeResult | _errors.JobError]:
        """Decode each of MNE's epochs; takes what ``decode`` takes, and returns what ``decode_batch`` returns."""
        from .. import _mne

        data, channels, rate = _mne.from_epochs(epochs)
        return await self.decode_batch(list(data), timeout=timeout, channels=channels, sample_rate=rate, unit="uV", **common)

    # Login, for what only a user may.

    async def login(self, email: str, password: str) -> types.Tokens:
        """Log in: calls about projects, keys and members take the tokens from then on, and renew them when they expire."""
        tokens = await self._model(types.Tokens, Call("login", json={"email": email, "password": password}, auth="none"))
        self._tokens.update(access=tokens.access_token, refresh=tokens.refresh_token)
        return tokens

    async def signup(self, email: str, password: str, *, invitation: str | None = None) -> types.Account:
        """Make an account and log in; ``invitation`` is the token of an invitation into a project."""
        body = {"email": email, "password": password, **({"invitation": invitation} if invitation else {})}
        account = await self._model(types.Account, Call("signup", json=body, auth="none", once=True))
        self._tokens.update(access=account.access_token, refresh=account.refresh_token)
        return account

    async def logout(self) -> None:
        """End the login of this client."""
        if self._tokens["refresh"]:
            await self._call(Call("logout", json={"refresh_token": self._tokens["refresh"]}, auth="none"))
        self._tokens.update(access=None, refresh=None)

    async def health(self) -> types.APIHealth:
        """Return whether the server and its database are well."""
        return await self._model(types.APIHealth, Call("apiHealth", auth="none"))

    # Sending.

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Make any call of the API, also one that this version does not know, with credentials and repetitions as the others have them.

        A POST without an ``Idempotency-Key`` among ``headers`` is repeated only where it cannot have arrived.
        """
        told = {**self._headers, "Accept": "application/json", **(headers or {})}
        token = await self._credential("project")
        if token:
            told.setdefault("Authorization", f"Bearer {token}")
        if self.project_id:
            told.setdefault("X-Project-Id", self.project_id)
        body = content
        if json is not None:
            body = jsonlib.dumps(json, ensure_ascii=False).encode()
            told["Content-Type"] = "application/json"
        again = method.upper() != "POST" or any(name.lower() == "idempotency-key" for name in told)
        return await self._attempts(method.upper(), path, Call("healthz", query=query).params(), told, body, again=again)

    async def _model(self, kind: type[M], call: Call) -> M:
        response = await self._call(call)
        return kind.model_validate_json(response.content)

    async def _json(self, call: Call, *needed: str) -> Any:
        """Make a call and return its answer as plain Python: an object with what is needed, or whatever it is where nothing is."""
        response = await self._call(call)
        try:
            found = jsonlib.loads(response.content)
        except ValueError as err:
            raise _errors.AnswerError(f"{call.method} {call.url}: the answer of {self.base_url} is no JSON: {err}") from err
        for name in needed:
            if not isinstance(found, dict) or name not in found:
                raise _errors.AnswerError(f"{call.method} {call.url}: the answer of {self.base_url} has no {name}, as this version knows it")
        return found

    async def _delete(self, call: Call) -> httpx.Response | None:
        """Delete something: where a broken attempt has done it already, there is nothing left to be found, and that is well."""
        try:
            return await self._call(call)
        except _errors.NotFoundError as err:
            if getattr(err, "repeated", False):
                return None
            raise

    async def _call(self, call: Call) -> httpx.Response:
        headers, content = call.prepared()
        response = await self._attempts(
            call.method,
            call.url,
            call.params(),
            {**self._headers, **headers},
            content,
            again=not call.once and (call.method != "POST" or "Idempotency-Key" in headers or call.operation in HARMLESS),
            auth=call.auth,
            timeout=call.timeout,
            stream=call.stream,
        )
        wrong = _not_ours(response, call)
        if wrong:
            await response.aclose()
            told = f"{call.method} {call.url}: {self.base_url} {wrong}"
            raise _errors.AnswerError(told, status=response.status_code, request_id=response.headers.get("x-request-id"))
        return response

    async def _credential(self, auth: str) -> str | None:
        if auth == "none":
            return None
        if auth == "user":
            return self._tokens["access"] or self.api_key
        return self.api_key or self._tokens["access"]

    async def _attempts(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: dict[str, str],
        content: Body | bytes | None,
        *,
        again: bool,
        auth: str = "project",
        timeout: float | None = None,
        stream: bool = False,
    ) -> httpx.Response:
        url = self.base_url + path
        if self.project_id and auth == "project":
            headers.setdefault("X-Project-Id", self.project_id)
        attempt, unsure, renewed = 0, False, False
        while True:
            attempt += 1
            token = await self._credential(auth)
            if token and (auth != "none"):
                headers["Authorization"] = f"Bearer {token}"
            if attempt > 1:
                headers["X-Retry-Count"] = str(attempt - 1)
            plain = content if isinstance(content, bytes) else None
            request = self._http.build_request(
                method, url, params=params, headers=headers, content=plain, timeout=httpx.Timeout(timeout or self.timeout, connect=15.0)
            )
            if isinstance(content, Body):
                request.stream = content
            began = time.monotonic()
            try:
                response = await self._http.send(request, stream=stream)
            except httpx.TransportError as fault:
                never = isinstance(fault, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol))
                unsure = unsure or not never
                pause = self.retry.after_fault(attempt) if again or never else None
                if isinstance(fault, httpx.UnsupportedProtocol):
                    pause = None
                log.debug("%s %s: %s, attempt %d", method, path, type(fault).__name__, attempt)
                if pause is None:
                    what = "did not answer in time" if isinstance(fault, httpx.TimeoutException) else f"could not be reached: {fault or type(fault).__name__}"
                    kind = _errors.APITimeoutError if isinstance(fault, httpx.TimeoutException) else _errors.APIConnectionError
                    raise kind(f"{method} {path}: {self.base_url} {what}, after {attempt} attempt{'s' if attempt > 1 else ''}") from fault
                await async_sleep(pause)
                continue
            log.debug("%s %s: %d in %.0f ms, attempt %d", method, path, response.status_code, 1000 * (time.monotonic() - began), attempt)
            collected = captured.get()
            if collected is not None:
                collected.append(response)
            if response.status_code < 400:
                return response
            body = b""
            with contextlib.suppress(httpx.TransportError):
                body = await response.aread()
            await response.aclose()
            error = _errors.from_answer(response.status_code, response.headers, body)
            if response.status_code in (401, 403):
                error.explain(_missing(auth, token, self.api_key))
            if response.status_code == 401 and not renewed and await self._renew(token, error):
                renewed = True
                continue
            told = response.status_code == 429  # which is said before anything is done
            pause = self.retry.after_answer(attempt, response.status_code, response.headers, error.code) if again or told else None
            if pause is None:
                error.repeated = unsure  # type: ignore[attr-defined]
                raise error
            unsure = unsure or response.status_code >= 500
            await async_sleep(pause)

    async def _renew(self, token: str | None, error: _errors.APIStatusError) -> bool:
        """Exchange the refresh token where the access token has expired; one task does it, the others find it done."""
        if not self._tokens["refresh"] or token == self.api_key or error.code not in ("expired_token", "invalid_token"):
            return False
        async with self._lock:
            if self._tokens["access"] != token:
                return True
            tokens = await self._model(types.Tokens, Call("refresh", json={"refresh_token": self._tokens["refresh"]}, auth="none", once=True))
            self._tokens.update(access=tokens.access_token, refresh=tokens.refresh_token)
        return True


def _not_ours(response: httpx.Response, call: Call) -> str:
    """Return what shows that an answer is not of this API, if anything does."""
    if response.is_redirect:
        return f"leads on to {response.headers.get('location')}: give the address behind that as base_url"
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if call.accept == "application/json" and not call.stream and response.content and kind != "application/json" and not kind.endswith("+json"):
        return f"answers with {kind or 'bytes of no type'} and not with JSON: is base_url that of a neurod server?"
    return ""


def _missing(auth: str, token: str | None, api_key: str | None) -> str:
    """Return what a user of this package does about a credential that is not there, or not of the kind that the call takes."""
    if auth == "none":
        return ""
    if auth == "user" and (not token or token == api_key):
        return "this is for a user: client.login(email, password), or give access_token="
    return "" if token else "give api_key= to the client, set VOXEL_API_KEY, or use client.login(email, password)"


HARMLESS = {"cancelJob", "revokeOwnKey", "logout", "login", "validateKey", "wsToken"}
"""POSTs that take no key because a repetition makes nothing twice."""
