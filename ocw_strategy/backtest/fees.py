"""The fee model: maker and taker fees from the run's one table of costs."""

from decimal import Decimal

from nautilus_trader.backtest.models import FeeModel
from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.model.enums import LiquiditySide
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.model.orders import Order


class OcwFeeModelConfig(NautilusConfig, frozen=True):
    """Configure the fees, fractions of notional."""

    maker_fee: float
    taker_fee: float


class OcwFeeModel(FeeModel):
    """Charge the configured fees, whatever the instrument in the catalog says."""

    def __init__(self, config: OcwFeeModelConfig) -> None:
        self._maker = Decimal(str(config.maker_fee))
        self._taker = Decimal(str(config.taker_fee))

    def get_commission(
        self, order: Order, fill_qty: Quantity, fill_px: Price, instrument: Instrument
    ) -> Money:
        """Return the commission of a fill in the settlement currency."""
        fee = self._maker if order.liquidity_side == LiquiditySide.MAKER else self._taker
        notional = instrument.notional_value(fill_qty, fill_px).as_decimal()
        return Money(notional * fee, instrument.settlement_currency)
