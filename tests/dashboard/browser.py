"""A real browser for the tests: Debian's Chromium, without a window and without a profile."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

PHONE = (390, 844)
DESKTOP = (1280, 900)
WAIT_S = 15.0
FLAGS = (
    "--headless",
    "--no-sandbox",  # as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Browser:
    """One window, and what tests ask of it.

    Parameters
    ----------
    driver : webdriver.Chrome
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def look(self, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> None:
        """Take the size of a phone or a desktop, and its colours."""
        width, height = size
        metrics = {"width": width, "height": height, "mobile": width < 500, "deviceScaleFactor": 1}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, url: str, token: str | None = None) -> None:
        """Open a page as one who was never here, signing in with a token where one is given."""
        self.forget()
        self.driver.get("about:blank")
        self.complaints()  # those of the page before, whose server may be gone
        self.driver.get(url)
        if token is not None:
            self.type("input[name=token]", token)
            self.click("button")
        self.until(lambda: self.text("#verdict"), "the page shows the journal")

    def forget(self) -> None:
        """Lose every cookie."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def text(self, selector: str) -> str:
        """Return the text of the first element, or nothing where there is none."""
        return next(iter(self.texts(selector)), "")

    def texts(self, selector: str) -> list[str]:
        """Return the text of every element that is shown."""
        try:
            found = self.driver.find_elements(By.CSS_SELECTOR, selector)
            return [each.text for each in found if each.is_displayed()]
        except StaleElementReferenceException:  # it was drawn anew meanwhile
            return self.texts(selector)

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def type(self, selector: str, text: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).send_keys(text)

    def enabled(self, selector: str) -> bool:
        return self.driver.find_element(By.CSS_SELECTOR, selector).is_enabled()

    def run(self, script: str) -> Any:
        """Return what a script returns."""
        return self.driver.execute_script(script)

    def until(self, condition: Callable[[], Any], what: str, within_s: float = WAIT_S) -> None:
        """Wait until something holds; fail if it does not in time."""
        wait = WebDriverWait(self.driver, within_s, poll_frequency=0.05)
        wait.until(lambda _: condition(), f"not in time: {what}")

    def complaints(self) -> list[str]:
        """Return what the browser has logged as wrong since last asked."""
        logged = self.driver.get_log("browser")
        return [line["message"] for line in logged if line["level"] in ("SEVERE", "WARNING")]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start the browser; skip where there is none."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("needs a browser: apt-get install -y chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
