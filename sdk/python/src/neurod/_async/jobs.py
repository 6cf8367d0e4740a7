"""Jobs: what runs in the background, and how to wait for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from .. import _errors, types
from .._base import table
from .._core import Call
from .._progress import bar
from .._views import DecodeResult
from .pages import AsyncPages

if TYPE_CHECKING:
    from .client import AsyncClient

FINAL = ("completed", "failed", "canceled")


class AsyncJob(types.Job):
    """A job. Its fields are as they stood when it was read last; ``refresh`` and ``wait`` read it again."""

    _client: AsyncClient = PrivateAttr()
    _request_id: str | None = PrivateAttr(default=None)

    @classmethod
    def _of(cls, client: AsyncClient, document: bytes | dict[str, Any], request_id: str | None = None) -> AsyncJob:
        job = cls.model_validate_json(document) if isinstance(document, bytes) else cls.model_validate(document)
        job._client = client
        job._request_id = request_id
        return job

    @classmethod
    def _accepted(cls, client: AsyncClient, accepted: types.Accepted | types.BatchAccepted) -> AsyncJob:
        batch = getattr(accepted, "batch", None)
        job = cls.model_construct(
            id=accepted.id,
            object="job",
            kind="neuro_decode" if batch is None else "neuro_decode_batch",
            status=accepted.status,
            created_at=accepted.created_at,
            started_at=None,
            finished_at=None,
            attempts=0,
            data=types.JobData.model_construct(job_id=accepted.data.job_id, parent_id=None, index=None),
            output=None,
            error=None,
            diagnostics=None,
            batch=batch,
        )
        job._client = client
        return job

    @property
    def job_id(self) -> str:
        """The id without its prefix."""
        return self.data.job_id

    @property
    def done(self) -> bool:
        """Whether the job is in a final state."""
        return self.status in FINAL

    @property
    def progress(self) -> dict[str, Any] | None:
        """How far a training is: ``phase``, ``done`` and ``total``."""
        found = (self.diagnostics or {}).get("progress")
        return found if isinstance(found, dict) else None

    def _take(self, other: AsyncJob) -> None:
        vars(self).update(vars(other))
        self._request_id = other._request_id or self._request_id

    async def refresh(self, *, diagnostics: bool = False) -> AsyncJob:
        """Read the job again."""
        self._take(await self._client.jobs.get(self.id, diagnostics=diagnostics))
        return self

    async def wait(self, timeout: float | None = None, *, on_progress: Callable[[AsyncJob], Any] | None = None, progress: bool | None = None) -> AsyncJob:
        """Wait until the job is in a final state, whichever it is.

        Args:
            timeout: seconds; None for ever.
            on_progress: called with the job each time that it was read and is not done.
            progress: a bar; by default in terminals and notebooks where the job says how far it is.

        Raises:
            WaitTimeout: it is not done; it goes on all the same.
        """
        end = None if timeout is None else time.monotonic() + timeout
        training = self.kind in ("model_train", "model_calibrate")
        batch = self.kind == "neuro_decode_batch"
        with bar(self.kind, progress if training or batch or progress else False) as shown:
            while not self.done:
                left = 60.0 if end is None else end - time.monotonic()
                if left <= 0:
                    raise _errors.WaitTimeout(f"job {self.id} is {self.status} after {timeout:g} s", code=self.status)
                window = min(left, 2.0 if on_progress or training or batch else 30.0)
                call = Call(
                    "getJob",
                    path={"id": self.id},
                    query={"wait_for_completion": True, "timeout_seconds": round(window, 3), "include": "diagnostics" if training else None},
                    timeout=window + 30,
                )
                response = await self._client._call(call)
                self._take(AsyncJob._of(self._client, response.content, response.headers.get("x-request-id")))
                if self.progress:
                    shown.to(self.progress.get("done"), self.progress.get("total"), self.progress.get("phase"))
                if self.batch:
                    shown.to(self.batch.total - self.batch.pending, self.batch.total)
                if on_progress is not None and not self.done:
                    on_progress(self)
        return self

    async def result(self, timeout: float | None = None, *, progress: bool | None = None) -> Any:
        """Wait for the job and return what it found.

        A :class:`DecodeResult` of a decode, a list of them (or of errors) of a batch, a :class:`~neurod.types.TrainingResult` of a training or a
        calibration, the ``output`` of others.

        Raises:
            DecodeFailed, JobFailed: the job failed; ``code`` and ``details`` say why.
            JobCanceled: it was canceled.
            WaitTimeout: it is not done.
        """
        await self.wait(timeout, progress=progress)
        if self.kind == "neuro_decode_batch":
            return self.answers()
        self.raise_for_status()
        if self.kind == "neuro_decode":
            return DecodeResult.model_validate(self.output)
        if self.kind in ("model_train", "model_calibrate"):
            return types.TrainingResult.model_validate(self.output)
        return self.output

    def raise_for_status(self) -> None:
        """Raise where the job failed or was canceled."""
        if self.status == "failed":
            assert self.error is not None
            kind = _errors.DecodeFailed if self.kind == "neuro_decode" else _errors.JobFailed
            raise kind(self.error.message, job=self, code=self.error.code, details=self.error.details, request_id=self._request_id)
        if self.status == "canceled":
            raise _errors.JobCanceled("the job was canceled", job=self, code="canceled", request_id=self._request_id)

    def answers(self) -> list[DecodeResult | _errors.JobError]:
        """Return the answers of a batch in the order of its items: a result, or the error that the item ended with."""
        if self.batch is None:
            raise TypeError(f"job {self.id} is no batch")
        answers: list[DecodeResult | _errors.JobError] = []
        for item in self.batch.items:
            if item.status == "completed":
                answers.append(DecodeResult.model_validate(item.output))
            elif item.error is not None:
                found = item.error
                answers.append(
                    _errors.DecodeFailed(found.message, job=self, code=found.code, details=found.details, request_id=self._request_id, item=item.index)
                )
            else:
                told = f"item {item.index} is {item.status}"
                answers.append(_errors.JobCanceled(told, job=self, code=item.status, request_id=self._request_id, item=item.index))
        return answers

    async def cancel(self) -> AsyncJob:
        """Cancel the job; of one that is done nothing changes."""
        self._take(await self._client.jobs.cancel(self.id))
        return self

    async def run_again(self) -> AsyncJob:
        """Make another job like it: see :meth:`client.jobs.run_again`."""
        return await self._client.jobs.run_again(self.id)

    def _repr_html_(self) -> str:
        rows: dict[str, Any] = {"kind": self.kind, "status": self.status}
        if self.error:
            rows["error"] = f"{self.error.code}: {self.error.message}"
        if self.batch:
            rows["items"] = f"{self.batch.completed} completed, {self.batch.failed} failed, {self.batch.pending} pending of {self.batch.total}"
        return table(self.id, rows)


class AsyncJobs:
    """``client.jobs``"""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def get(self, job_id: str, *, diagnostics: bool = False) -> AsyncJob:
        """Read a job; ``job_id`` with or without its prefix."""
        response = await self._client._call(Call("getJob", path={"id": job_id}, query={"include": "diagnostics" if diagnostics else None}))
        return AsyncJob._of(self._client, response.content, response.headers.get("x-request-id"))

    async def cancel(self, job_id: str) -> AsyncJob:
        """Cancel a job, or a batch with its items. Canceling again changes nothing."""
        response = await self._client._call(Call("cancelJob", path={"id": job_id}))
        return AsyncJob._of(self._client, response.content, response.headers.get("x-request-id"))

    async def attempts(self, job_id: str) -> types.JobAttemptList:
        """Read how the attempts of a job went, in order, each with its worker, its times and its end."""
        return await self._client._model(types.JobAttemptList, Call("jobAttempts", path={"id": job_id}))

    async def run_again(self, job_id: str) -> AsyncJob:
        """Make another job with the request and the recording of a decode or training that has ended; that one stays as it is."""
        response = await self._client._call(Call("runAgain", path={"id": job_id}))
        return AsyncJob._of(self._client, response.content, response.headers.get("x-request-id"))

    def list(
        self,
        *,
        state: str | Sequence[str] | None = None,
        kind: str | Sequence[str] | None = None,
        parent_id: str | None = None,
        limit: int | None = None,
    ) -> AsyncPages[AsyncJob]:
        """List jobs, newest first, all of them unless ``limit`` says how many; the items of a batch by its ``parent_id``."""

        async def pages() -> AsyncIterator[Sequence[AsyncJob]]:
            cursor: str | None = None
            while True:
                query = {"state": state, "kind": kind, "parent_id": parent_id, "limit": min(100, limit or 100), "cursor": cursor}
                page = await self._client._json(Call("listJobs", query=query), "data", "next_cursor", "has_more")
                yield [AsyncJob._of(self._client, entry) for entry in page["data"]]
                cursor = page["next_cursor"]
                if not page["has_more"] or not cursor:
                    return

        return AsyncPages(pages(), limit)
