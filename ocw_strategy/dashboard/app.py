"""The application: routes behind their guard, and what is said where something went wrong.

A journal that cannot be read is 503 with a sentence, this time; a decision that is not there is
404; a request that makes no sense is 422 without an echo of it; a defect is 500 without a word of
it, and its traceback goes to the log. No sentence names a folder or holds a key.
"""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from ocw_strategy.dashboard.access import Door, Token
from ocw_strategy.dashboard.answers import Answers
from ocw_strategy.dashboard.assets import read_assets
from ocw_strategy.dashboard.data_routes import data_router
from ocw_strategy.dashboard.guard import SIGN_IN, Guard
from ocw_strategy.dashboard.metrics import metrics_router
from ocw_strategy.dashboard.site_routes import PUBLIC_FILES, site_router
from ocw_strategy.dashboard.source import Source
from ocw_strategy.environment import redact
from ocw_strategy.errors import OcwError


def make_app(
    source: Source,
    now_ns: Callable[[], int],
    token: Token | None = None,
    hosts: frozenset[str] | None = None,
) -> ASGIApp:
    """Return the dashboard of one journal.

    Parameters
    ----------
    source : Source
    now_ns : callable
        Returns wall time.
    token : Token, optional
        Without one whoever reaches the page may read, and nobody may halt.
    hosts : frozenset[str], optional
        Names the page is served under; None is any, safe only with a token.
    """
    door = None if token is None else Door(token, now_ns)
    answers = Answers(source, now_ns)
    app = FastAPI(
        title="OCW dashboard",
        description="What a journal tells of a run. Times are UNIX nanoseconds.",
        version=version("ocw-strategy"),
        docs_url=None,  # they would load from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.include_router(data_router(answers))
    app.include_router(metrics_router(answers))
    app.include_router(site_router(answers, door, read_assets()))

    def unreadable(_request: Request, error: Exception) -> Response:
        assert isinstance(error, OcwError)
        status = 404 if error.field == "decision" else 503
        return _error(status, _sentence(error, source.path))

    app.add_exception_handler(OcwError, unreadable)
    app.add_exception_handler(RequestValidationError, _senseless)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, lambda _request, _error_: _error(500, "a defect of OCW"))
    public = {SIGN_IN, "/health", *(f"/assets/{name}" for name in PUBLIC_FILES)}
    return Guard(app, hosts, door, public)


def _sentence(error: OcwError, journal: Path) -> str:
    text = redact(f"{error.field}: {error.remedy}")
    return text.replace(f"{journal.absolute().parent}/", "").replace(f"{journal.parent}/", "")


def _senseless(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()[0]
    place = ".".join(str(part) for part in found["loc"] if isinstance(part, str))
    return _error(422, f"{place}: {found['msg']}")


def _plain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, str(error.detail))


def _error(status: int, words: str) -> Response:
    return JSONResponse({"error": words}, status)
