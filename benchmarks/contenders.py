"""Servers of one scikit-learn model as people write them by hand, for uvicorn: `contenders:raw`.

The model is the pickle that MODEL names. Each reads `{"dataframe_records": [...]}` and answers
`{"predictions": [...]}`; none has limits, metrics, a log or time-outs.
"""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]

_HEADERS = [(b"content-type", b"application/json")]
_model = pickle.loads(Path(os.environ["MODEL"]).read_bytes())  # noqa: S301 - the benchmark made it


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _answer(send: Callable[[Message], Awaitable[None]], text: bytes) -> None:
    headers = [*_HEADERS, (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def echo(scope: Message, receive: Any, send: Any) -> None:
    """What HTTP alone costs."""
    assert scope["type"] == "http"
    await _answer(send, await _body(receive))


async def raw(scope: Message, receive: Any, send: Any) -> None:
    """The least that predicts: json, numpy, the model."""
    assert scope["type"] == "http"
    records = json.loads(await _body(receive))["dataframe_records"]
    rows = np.array([list(record.values()) for record in records])
    found = {"predictions": _model.predict(rows).tolist()}
    await _answer(send, json.dumps(found).encode())


class _Reading(BaseModel):
    temperature_00: float
    wind_direction_00: float
    wind_speed_00: float
    temperature_08: float
    wind_direction_08: float
    wind_speed_08: float
    temperature_16: float
    wind_direction_16: float
    wind_speed_16: float


class _Asked(BaseModel):
    dataframe_records: list[_Reading]


class _Answered(BaseModel):
    predictions: list[float]


fastapi = FastAPI()


@fastapi.post("/invocations")
async def invocations(asked: _Asked) -> _Answered:
    """As FastAPI's own tutorial would do it."""
    rows = np.array([list(vars(reading).values()) for reading in asked.dataframe_records])
    return _Answered(predictions=_model.predict(rows).tolist())
