"""The Bot API as it answers, and as it should not: an error without the token, never a crash."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from ocw_strategy.alerts.service import DeliveryError
from ocw_strategy.alerts.telegram import TelegramBot, Update
from tests.alerts.inbox import CHAT, TOKEN, Inbox


def with_bot(play: Any) -> Any:
    async def whole() -> Any:
        async with Inbox() as inbox:
            bot = TelegramBot(TOKEN, CHAT, inbox.url, 2.0)
            try:
                return await play(bot, inbox)
            finally:
                await bot.close()

    return asyncio.run(whole())


def test_a_long_text_is_cut_to_what_the_api_takes() -> None:
    async def play(bot: TelegramBot, inbox: Inbox) -> None:
        await bot.send("title", "x" * 5000)
        assert len(inbox.texts[0]) == 4096
        assert inbox.texts[0].endswith("x ...")

    with_bot(play)


def test_markup_is_sent_as_it_stands() -> None:
    async def play(bot: TelegramBot, inbox: Inbox) -> None:
        await bot.send("<b>a & b</b>", "_under_ *star* [x](y)")
        assert inbox.texts == ["<b>a & b</b>\n_under_ *star* [x](y)"]

    with_bot(play)


def test_updates_begin_at_the_offset() -> None:
    async def play(bot: TelegramBot, inbox: Inbox) -> None:
        inbox.write("one", ts_s=7)
        inbox.write("two", ts_s=8)
        assert await bot.updates(2) == [Update(2, CHAT, "two", 8)]
        assert await bot.updates(3, wait_s=0) == []

    with_bot(play)


@pytest.mark.parametrize(
    "answer",
    ["", "<html>", "[]", "{}", '{"ok": true, "result": 3}', '{"ok": true, "result": [{}]}',
     '{"ok": true, "result": [{"update_id": 1, "message": 3}]}', '{"ok": false, "parameters": 9}'],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_an_error_without_the_token(answer: str) -> None:
    async def nonsense(_: web.Request) -> web.Response:
        return web.Response(text=answer, content_type="application/json")

    async def play() -> None:
        app = web.Application()
        app.router.add_post("/{any:.*}", nonsense)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        bot = TelegramBot(TOKEN, CHAT, f"http://127.0.0.1:{runner.addresses[0][1]}", 2.0)
        try:
            with pytest.raises(DeliveryError) as fault:
                await bot.updates(0)
            assert TOKEN not in repr(fault.value)
            assert fault.value.__cause__ is None
        finally:
            await bot.close()
            await runner.cleanup()

    asyncio.run(play())


def test_an_address_nobody_listens_at_is_an_error_without_the_token() -> None:
    async def play() -> None:
        bot = TelegramBot(TOKEN, CHAT, "http://127.0.0.1:9", 0.5)
        with pytest.raises(DeliveryError) as fault:
            await bot.send("title", "text")
        assert (fault.value.in_doubt, TOKEN in str(fault.value)) == (False, False)
        await bot.close()

    asyncio.run(play())
