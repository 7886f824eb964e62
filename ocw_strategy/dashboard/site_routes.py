"""The page itself, the way in, and the one route that changes something: halt.

A halt asks for the token (or the session of a browser that gave it), comes from the page itself,
and carries the word a person typed to confirm it. It writes the halt file as `ocw halt` does:
entries stop, positions keep their stops. Nothing here flattens, resumes or trades.
"""

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ocw_strategy.dashboard.access import SESSION_NS, TOKEN_NAME, Door
from ocw_strategy.dashboard.answers import Answers
from ocw_strategy.dashboard.assets import Asset
from ocw_strategy.dashboard.guard import COOKIE, SIGN_IN
from ocw_strategy.live.halt import HaltFile, HaltNote
from ocw_strategy.model import Strict
from ocw_strategy.units import SECOND_NS

CONFIRMATION: Final = "HALT"
"""What a person types to confirm a halt."""


PUBLIC_FILES: Final = frozenset({"icon.svg", "page.css", "sign_in.js"})
"""Those of the page's files that the way in needs."""


class HaltRequest(BaseModel):
    """A wish to stop entries."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    """Why, for whoever looks."""
    confirmation: str = Field(max_length=20)
    """The word ``HALT``, typed by a person."""


class HaltAnswer(Strict):
    """Entries are stopped."""

    halted: bool


class Access(Strict):
    """What the one who asks may do."""

    signed_in: bool
    """Whether there is a token to sign in with; who reads this has."""
    may_halt: bool
    why_not: str
    """Why a halt would not be taken, for a person; empty where it would."""


def site_router(answers: Answers, door: Door | None, assets: Mapping[str, Asset]) -> APIRouter:
    """Return the routes of the page.

    Parameters
    ----------
    answers : Answers
    door : Door or None
        Where there is none, whoever reaches the page may read, and nobody may halt.
    assets : Mapping[str, Asset]
        The page's files by name.
    """
    router = APIRouter()

    def why_not() -> str:
        if door is None:
            return f"To halt from here, set {TOKEN_NAME} and start the dashboard again."
        return "" if answers.node().live else "No node has run on this journal."

    @router.get("/", include_in_schema=False)
    def page(request: Request) -> Response:
        return _sent(assets["page.html"], request)

    @router.get("/assets/{name}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        if name not in assets:
            raise HTTPException(404)
        return _sent(assets[name], request)

    @router.get("/health")
    def health() -> dict[str, str]:
        """Return whether this process answers; of the node, `/api/overview` tells."""
        return {"status": "ok"}

    @router.get(SIGN_IN, include_in_schema=False)
    def sign_in_page(request: Request) -> Response:
        return _sent(assets["sign_in.html"], request)

    @router.post(SIGN_IN, include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=4)
        given = form.get("token", [""])[0].strip()
        client = request.client
        wait_s = 0 if door is None else door.admit(given, client.host if client else "")
        if wait_s:
            why = "wrong" if wait_s < 0 else "wait"
            return RedirectResponse(f"{SIGN_IN}?{why}", status_code=303)
        answer = RedirectResponse("/", status_code=303)
        if door is not None:
            secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
            answer.set_cookie(
                COOKIE, door.session(), max_age=SESSION_NS // SECOND_NS, httponly=True,
                samesite="lax", secure=secure,
            )  # fmt: skip
        return answer

    @router.post("/sign-out", include_in_schema=False)
    def sign_out() -> Response:
        answer = RedirectResponse(SIGN_IN, status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return answer

    @router.get("/api/access")
    def access() -> Access:
        """Return what the one who asks may do."""
        words = why_not()
        return Access(signed_in=door is not None, may_halt=not words, why_not=words)

    @router.post("/api/halt")
    def halt(wish: HaltRequest) -> HaltAnswer:
        """Stop entries at once, by the halt file; positions keep their stops."""
        if words := why_not():
            raise HTTPException(403, words)
        if wish.confirmation != CONFIRMATION:
            raise HTTPException(422, f"confirm it with the word {CONFIRMATION}")
        file = HaltFile(answers.source.path)
        file.halt(HaltNote(answers.now_ns(), f"{wish.reason} (dashboard)"))
        return HaltAnswer(halted=file.halted())

    return router


def _sent(asset: Asset, request: Request) -> Response:
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)
