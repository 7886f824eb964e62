"""Any service that Apprise knows, by its URL: a webhook (``jsons://``), ntfy, e-mail and others.

Apprise tells only whether a message was taken. A message that was not is sent again, marked as
perhaps a repetition: whether the service had it before its answer was lost is not known.
"""

import asyncio
import logging
from typing import Any, Final

from ocw_strategy.alerts.service import DeliveryError
from ocw_strategy.errors import SettingsError

URLS: Final = "OCW_ALERT_URLS"
"""The variable that holds the URLs, separated by blanks; keys of services are part of them."""

# Apprise logs addresses, and some hold a key
logging.getLogger("apprise").addHandler(logging.NullHandler())
logging.getLogger("apprise").propagate = False


class AppriseService:
    """One service behind Apprise.

    Parameters
    ----------
    number : int
        Its place among the URLs, from 1.
    url : str
        As Apprise reads it.
    timeout_seconds : float
        How long a connection, and a wait for bytes, may take.

    Raises
    ------
    SettingsError
        If Apprise knows no such service; the URL itself is not shown.
    """

    def __init__(self, number: int, url: str, timeout_seconds: float) -> None:
        import apprise

        self._apprise: Any = apprise.Apprise(asset=apprise.AppriseAsset(app_id="OCW"))
        if not self._apprise.add(url):
            raise SettingsError(
                f"{URLS}, URL {number}",
                "***",
                "give one that Apprise knows",
            )
        plugin = self._apprise[0]
        plugin.socket_connect_timeout = plugin.socket_read_timeout = timeout_seconds
        self._timeout_s = timeout_seconds
        self.name = f"{plugin.service_name} {number}"

    async def send(self, title: str, text: str) -> None:
        """Deliver one message.

        Raises
        ------
        DeliveryError
            If Apprise does not say that it was taken.
        """
        # a connection and an answer, each within the timeout
        limit_s = 2 * self._timeout_s + 1.0
        sending = asyncio.to_thread(self._apprise.notify, body=text or title, title=title)
        try:
            taken = await asyncio.wait_for(sending, limit_s)
        except TimeoutError:
            raise DeliveryError(f"no answer within {limit_s:.0f} s", in_doubt=True) from None
        except Exception as error:  # a plug-in's own fault must not end the courier
            raise DeliveryError(type(error).__name__, in_doubt=True) from None
        if not taken:
            raise DeliveryError("not taken by the service", in_doubt=True)

    async def close(self) -> None:
        """Do nothing: a connection ends with its message."""
