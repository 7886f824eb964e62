"""Assembly of a `BacktestNode` run: settings in, an engine configuration out.

One configuration is one node is one run. Everything the node needs travels as plain values, so a
run can be built again in another process; results do not depend on chunked streaming.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from nautilus_trader.backtest.config import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestRunConfig,
    BacktestVenueConfig,
    ImportableFeeModelConfig,
    ImportableFillModelConfig,
)
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ActorConfig, ImportableActorConfig, LoggingConfig
from nautilus_trader.config import CacheConfig, DataEngineConfig, RiskEngineConfig
from nautilus_trader.model.data import Bar
from nautilus_trader.portfolio.config import PortfolioConfig
from nautilus_trader.trading.config import ImportableStrategyConfig

from ocw_strategy.actor import OCWActor
from ocw_strategy.advisor import Advisor
from ocw_strategy.backtest.interrupt import Interrupts, remembered_interrupts
from ocw_strategy.backtest.scramble import scrambled_signals
from ocw_strategy.carried import CarriedState
from ocw_strategy.catalog import OcwDerivatives, OcwFundingRate, OcwTakerFlow
from ocw_strategy.engine import VENUE, bar_type, instrument_id
from ocw_strategy.memory import give_back_memory
from ocw_strategy.messages import OCW_CLIENT
from ocw_strategy.regime import RecordedRegimes
from ocw_strategy.settings import Settings, settings_from
from ocw_strategy.strategy import OCWStrategy
from ocw_strategy.units import DAY_NS

_PURGED_AFTER_S = 3600


def run_config(settings: Settings, run_id: str, *, wake: bool = True) -> BacktestRunConfig:
    """Return the engine's configuration of a run.

    Parameters
    ----------
    settings : Settings
    run_id : str
        The run whose journal is open in this process.
    wake : bool, default True
        False evaluates the gate and never asks.
    """
    plain = settings.model_dump(mode="json")
    shared = {"settings": plain, "run_id": run_id}
    return BacktestRunConfig(
        engine=BacktestEngineConfig(
            trader_id="OCW-001",
            logging=LoggingConfig(bypass_logging=True),
            run_analysis=False,
            cache=CacheConfig(bar_capacity=10, tick_capacity=10),
            data_engine=DataEngineConfig(external_clients=[OCW_CLIENT]),
            risk_engine=RiskEngineConfig(bypass=False, max_order_submit_rate="1000/00:00:01"),
            portfolio=PortfolioConfig(bar_updates=True),
            actors=[
                ImportableActorConfig(
                    actor_path="ocw_strategy.actor:OCWActor",
                    config_path="ocw_strategy.account_actor:OCWActorConfig",
                    config={**shared, "wake": wake},
                )
            ],
            strategies=[
                ImportableStrategyConfig(
                    strategy_path="ocw_strategy.strategy:OCWStrategy",
                    config_path="ocw_strategy.strategy:OCWStrategyConfig",
                    config=shared,
                )
            ],
        ),
        venues=[venue_config(settings)],
        data=data_configs(settings),
        chunk_size=settings.data.chunk_size,
        raise_exception=True,
        dispose_on_completion=False,
    )


def venue_config(settings: Settings) -> BacktestVenueConfig:
    """Return the simulated venue: margin account, stated fees and slippage, funding settled."""
    costs = settings.costs
    catalog = str(Path(settings.data.catalog).absolute())
    return BacktestVenueConfig(
        name=VENUE.value,
        oms_type=settings.execution.oms,
        account_type="MARGIN",
        base_currency=None,
        starting_balances=[f"{settings.account.starting_balance_usd} USDT"],
        default_leverage=settings.risk.venue_leverage,
        bar_adaptive_high_low_ordering=True,
        modules=[
            ImportableActorConfig(
                actor_path="ocw_strategy.backtest.venue:OcwVenueModule",
                config_path="ocw_strategy.backtest.venue:OcwVenueModuleConfig",
                config={
                    "catalog_path": catalog,
                    "instrument_ids": [str(instrument_id(s)) for s in settings.data.instruments],
                    "settle_funding": settings.data.funding,
                },
            )
        ],
        fill_model=ImportableFillModelConfig(
            fill_model_path="ocw_strategy.backtest.fill:OcwFillModel",
            config_path="ocw_strategy.backtest.fill:OcwFillModelConfig",
            config={
                "market_slippage_bps": costs.market_slippage_bps,
                "stop_slippage_bps": costs.stop_slippage_bps,
                "random_seed": settings.run.seed,
            },
        ),
        fee_model=ImportableFeeModelConfig(
            fee_model_path="ocw_strategy.backtest.fees:OcwFeeModel",
            config_path="ocw_strategy.backtest.fees:OcwFeeModelConfig",
            config={"maker_fee": costs.maker_fee, "taker_fee": costs.taker_fee},
        ),
    )


def data_configs(settings: Settings) -> list[BacktestDataConfig]:
    """Return what is streamed: bars, and the statistics the settings ask for."""
    common: dict[str, Any] = {
        "catalog_path": str(Path(settings.data.catalog).absolute()),
        "start_time": settings.run.data_start_ns,
        "end_time": settings.run.end_ns,
        "optimize_file_loading": True,  # one open stream a folder, not one a month of it
    }
    ids = [instrument_id(symbol) for symbol in settings.data.instruments]
    types = [bar_type(symbol, settings.data.bar_minutes) for symbol in settings.data.instruments]
    configs = [BacktestDataConfig(data_cls=Bar, bar_types=types, **common)]
    statistics: list[Any] = []
    if settings.data.derivatives:
        statistics += [OcwDerivatives, OcwTakerFlow]
    if settings.data.funding:
        statistics.append(OcwFundingRate)
    return configs + [
        BacktestDataConfig(data_cls=cls, instrument_ids=ids, client_id=OCW_CLIENT.value, **common)
        for cls in statistics
    ]


class _Progress(Actor):
    # Once a simulated day: tells how far the clock has come, heeds interrupts, clears the cache.
    def __init__(self, tell: Callable[[int], None] | None, interrupts: Interrupts) -> None:
        super().__init__(ActorConfig(component_id="PROGRESS"))
        self._tell = tell
        self._interrupts = interrupts

    def on_start(self) -> None:
        self.clock.set_timer_ns("progress", DAY_NS, 0, 0, self._on_timer)

    def _on_timer(self, event: Any) -> None:
        self._interrupts.check()
        # what became of an order or a position is in the journal
        self.cache.purge_closed_orders(event.ts_event, buffer_secs=_PURGED_AFTER_S)
        self.cache.purge_closed_positions(event.ts_event, buffer_secs=_PURGED_AFTER_S)
        self.cache.purge_account_events(event.ts_event, lookback_secs=_PURGED_AFTER_S)
        if self._tell is not None:
            self._tell(event.ts_event)


def run_node(
    config: BacktestRunConfig,
    *,
    progress: Callable[[int], None] | None = None,
    regimes: RecordedRegimes | None = None,
    advisor: Advisor | None = None,
    carried: CarriedState | None = None,
) -> None:
    """Run a configuration to its end; a fault in a handler is raised, never swallowed.

    Parameters
    ----------
    progress : callable, optional
        Called with the simulated time in UNIX nanoseconds, once a simulated day.
    regimes : RecordedRegimes, optional
        A precomputed regime track for the actor to use instead of fitting one.
    advisor : Advisor, optional
        Whom the actor asks instead of the advisor its settings name.
    carried : CarriedState, optional
        What an earlier run left; decision closes that it has seen are not learnt from again.
    """
    give_back_memory()
    node = BacktestNode([config])
    try:
        node.build()
        pa.default_memory_pool().release_unused()  # what reading the past for it took
        engine: Any = node.get_engine(config.id)
        # the journal keeps the trades; the engine's own list of them costs more with each
        engine.portfolio.analyzer.record_trade = _leave_to_journal
        for actor in engine.trader.actors():
            if isinstance(actor, OCWActor):
                actor.regimes.recorded = regimes
                actor.advisor = advisor or actor.advisor
                actor.carried = carried
                actor.signal_track = scrambled_signals(settings_from(actor.config.settings))
        for strategy in engine.trader.strategies():
            if isinstance(strategy, OCWStrategy):
                strategy.carried = carried
        with remembered_interrupts() as interrupts:
            engine.add_actor(_Progress(progress, interrupts))
            node.run()
            interrupts.check()
    except BaseException:
        _fault(node.get_engine(config.id))
        raise
    finally:
        node.dispose()


def _leave_to_journal(*_trade: Any) -> None:
    pass


def _fault(engine: Any) -> None:
    # The engine disposes only of what was stopped: what still runs could not let go of its journal.
    if engine is not None:
        for component in (*engine.trader.actors(), *engine.trader.strategies()):
            component.fault()
