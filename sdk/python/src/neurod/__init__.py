"""Client of neurod: EEG in, intents out.

>>> import neurod
>>> client = neurod.Client(api_key="vxl_...", project_id="...")

:class:`Client` and :class:`AsyncClient` have the same methods. Samples are microvolts unless a call says otherwise. Answers are probabilities and
no diagnosis: keep a person and an interlock between an answer and anything that moves.
"""

from __future__ import annotations

import logging as _logging

from . import types
from ._async.client import AsyncClient
from ._async.jobs import AsyncJob
from ._async.pages import AsyncPages
from ._async.sessions import AsyncSession
from ._async.stream import AsyncStream
from ._errors import (
    AnswerError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ChecksumError,
    ConflictError,
    DecodeFailed,
    FieldError,
    IdempotencyKeyReusedError,
    InvalidRequestError,
    JobCanceled,
    JobError,
    JobFailed,
    NeurodError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamError,
    WaitTimeout,
    WebhookVerificationError,
)
from ._raw import RawResponse
from ._retry import RetryPolicy
from ._sync.client import Client
from ._sync.jobs import Job
from ._sync.pages import Pages
from ._sync.sessions import Session
from ._sync.stream import Stream
from ._version import __version__
from ._views import (
    BandPower,
    DecodeMessage,
    DecodeResult,
    Features,
    FeaturesMessage,
    FeatureWindow,
    LiveDecode,
    Ratios,
    SessionEndedMessage,
    StreamMessage,
)
from ._webhook import Webhook

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerError",
    "AsyncClient",
    "AsyncJob",
    "AsyncPages",
    "AsyncSession",
    "AsyncStream",
    "AuthenticationError",
    "BandPower",
    "ChecksumError",
    "Client",
    "ConflictError",
    "DecodeFailed",
    "DecodeMessage",
    "DecodeResult",
    "FeatureWindow",
    "Features",
    "FeaturesMessage",
    "FieldError",
    "IdempotencyKeyReusedError",
    "InvalidRequestError",
    "Job",
    "JobCanceled",
    "JobError",
    "JobFailed",
    "LiveDecode",
    "NeurodError",
    "NotFoundError",
    "Pages",
    "PermissionDeniedError",
    "RateLimitError",
    "Ratios",
    "RawResponse",
    "RetryPolicy",
    "ServerError",
    "Session",
    "SessionEndedMessage",
    "Stream",
    "StreamError",
    "StreamMessage",
    "WaitTimeout",
    "Webhook",
    "WebhookVerificationError",
    "__version__",
    "types",
]

_logging.getLogger("neurod").addHandler(_logging.NullHandler())
