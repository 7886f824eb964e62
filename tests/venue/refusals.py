"""How the venue says no: an HTTP status and a body ``{"code", "msg"}``, in its own words."""

from typing import Any, Final

_MESSAGES: Final = {
    -1000: "An unknown error occured while processing the request.",
    -1003: "Too many requests; current limit is %s requests per minute.",
    -1007: (
        "Timeout waiting for response from backend server. Send status unknown; "
        "execution status unknown."
    ),
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -1102: "Mandatory parameter '%s' was not sent, was empty/null, or malformed.",
    -1106: "Parameter '%s' sent when not required.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1120: "Invalid interval.",
    -1121: "Invalid symbol.",
    -1125: "This listenKey does not exist.",
    -2010: "Order was rejected.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -4003: "Quantity less than or equal to zero.",
    -4005: "Quantity greater than max quantity.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id length should be less than 36 chars",
    -4016: "Limit price can't be higher than %s.",
    -4023: "Quantity not increased by step size.",
    -4024: "Limit price can't be lower than %s.",
    -4028: "Leverage %s is not valid",
    -4045: "Reach max stop order limit.",
    -4046: "No need to change margin type.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4061: "Order's position side does not match user's setting.",
    -4116: "ClientOrderId is duplicated.",
    -4120: (
        "Order type not supported for this endpoint. "
        "Please use the Algo Order API endpoints instead."
    ),
    -4164: "Order's notional must be no smaller than %s (unless you choose reduce only).",
    -5022: (
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history"
    ),
    -5027: "No need to modify the order.",
}
_STATUS: Final = {-1003: 429, -1007: 503, -1008: 503, -2014: 401, -2015: 401}


class Refusal(Exception):  # noqa: N818
    """An answer that is no success.

    Parameters
    ----------
    code : int
        Binance's error code.
    *details
        What its message has a place for.
    status : int, optional
        HTTP status; by default the one Binance gives with the code.
    headers : dict, optional
        Such as ``Retry-After``.
    """

    def __init__(
        self,
        code: int,
        *details: object,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        text = _MESSAGES.get(code, "Refused.")
        self.code = code
        self.message = text % details if "%s" in text else text
        self.status = status or _STATUS.get(code, 400)
        self.headers = headers or {}
        super().__init__(f"{self.status} {code} {self.message}")

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"code": self.code, "msg": self.message}
