"""A service that carries messages to a person: the seam, and what can go wrong at it.

Two kinds stand behind it: Telegram's Bot API (`TelegramBot`), which also takes commands, and every
service that Apprise knows (`AppriseService`): a generic webhook, ntfy, e-mail and a hundred more.
Neither an error nor a name of a service holds a secret.
"""

from typing import Protocol


class DeliveryError(Exception):
    """A message that was not, or perhaps not, delivered.

    Parameters
    ----------
    why : str
        What was wrong, without a secret.
    retry_after_s : float, optional
        How long the service asks to be left alone.
    in_doubt : bool, default False
        Whether it may have been delivered all the same: the answer was not had.
    refused : bool, default False
        Whether this message will never be taken: sending it again does not help.
    """

    def __init__(
        self,
        why: str,
        *,
        retry_after_s: float = 0.0,
        in_doubt: bool = False,
        refused: bool = False,
    ) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        self.in_doubt = in_doubt
        self.refused = refused


class Service(Protocol):
    """Where messages go."""

    @property
    def name(self) -> str:
        """Name it in logs and in the cursor's file."""
        ...

    async def send(self, title: str, text: str) -> None:
        """Deliver one message.

        Raises
        ------
        DeliveryError
            If it was not delivered for certain.
        """
        ...

    async def close(self) -> None:
        """Let go of its connections."""
        ...
