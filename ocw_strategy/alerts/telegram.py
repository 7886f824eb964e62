"""Telegram's Bot API: send a message to the one chat, and read what is written to the bot.

The token is part of every address, so no address is ever shown: errors name the method and what
came back. Texts are sent as they are, without markup, and cut to the API's length.
"""

from dataclasses import dataclass
from typing import Any, Final

import httpx

from ocw_strategy.alerts.service import DeliveryError

TOKEN: Final = "TELEGRAM_BOT_TOKEN"  # the variable's name
CHAT: Final = "TELEGRAM_CHAT_ID"

_MAX_TEXT: Final = 4096
_POLL_S: Final = 25.0


@dataclass(frozen=True, slots=True)
class Update:
    """One message to the bot."""

    update_id: int
    chat: str
    text: str
    ts_s: int
    """When it was written, UNIX seconds by Telegram's clock."""


class TelegramBot:
    """A bot and the chat it speaks to.

    Parameters
    ----------
    token : str
        The bot's token.
    chat : str
        Id of the one chat that is written to and listened to.
    url : str
        Address of the Bot API.
    timeout_seconds : float
        How long an answer may take.
    """

    name = "Telegram"

    def __init__(self, token: str, chat: str, url: str, timeout_seconds: float) -> None:
        self.chat = chat
        self._base = f"{url.rstrip('/')}/bot{token}"
        self._timeout_s = timeout_seconds
        self._client = httpx.AsyncClient()

    async def send(self, title: str, text: str) -> None:
        """Deliver one message to the chat.

        Raises
        ------
        DeliveryError
            If it was not delivered for certain.
        """
        whole = f"{title}\n{text}" if text else title
        if len(whole) > _MAX_TEXT:
            whole = f"{whole[: _MAX_TEXT - 4]} ..."
        message = {"chat_id": self.chat, "text": whole, "disable_web_page_preview": True}
        await self._call("sendMessage", message)

    async def updates(self, offset: int, *, wait_s: float = _POLL_S) -> list[Update]:
        """Return the messages from an update id on; wait a while for the first.

        Raises
        ------
        DeliveryError
            If none could be had.
        """
        asked = {"offset": offset, "timeout": int(wait_s), "allowed_updates": ["message"]}
        found = await self._call("getUpdates", asked, extra_s=wait_s)
        try:
            return [_update(each) for each in found]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DeliveryError("getUpdates: not what the Bot API answers") from None

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _call(self, method: str, body: dict[str, Any], *, extra_s: float = 0.0) -> Any:
        timeout = httpx.Timeout(self._timeout_s, read=self._timeout_s + extra_s)
        try:
            answer = await self._client.post(f"{self._base}/{method}", json=body, timeout=timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise DeliveryError(f"{method}: {type(error).__name__}") from None
        except httpx.HTTPError as error:
            raise DeliveryError(f"{method}: {type(error).__name__}", in_doubt=True) from None
        try:
            found = answer.json()
        except ValueError:
            found = {}
        if not isinstance(found, dict):
            found = {}
        if answer.status_code == httpx.codes.OK and found.get("ok") is True:
            return found.get("result")
        raise _refusal(method, answer, found)


def _refusal(method: str, answer: httpx.Response, found: dict[str, Any]) -> DeliveryError:
    status = answer.status_code
    why = f"{method}: HTTP {status} {found.get('description', '')}".rstrip()
    parameters = found.get("parameters")
    wait = parameters.get("retry_after", 0) if isinstance(parameters, dict) else 0
    return DeliveryError(
        why,
        retry_after_s=float(wait) if isinstance(wait, int | float) else 0.0,
        # a message it answers 400 to is never taken; a gateway may have passed it on
        refused=status == httpx.codes.BAD_REQUEST,
        in_doubt=status >= 500 or status == httpx.codes.OK,
    )


def _update(found: dict[str, Any]) -> Update:
    message = found.get("message") or {}
    return Update(
        update_id=int(found["update_id"]),
        chat=str(message.get("chat", {}).get("id", "")),
        text=str(message.get("text", "")),
        ts_s=int(message.get("date", 0)),
    )
