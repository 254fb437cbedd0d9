"""A page of the toolbox in a server of its own, and a browser that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).resolve().parents[2]
BROWSERS, DRIVERS = ('chromium', 'chromium-browser', 'google-chrome'), ('chromedriver',)
PACKAGES = ('chromium', 'chromium-driver')
PATIENCE = 180  # seconds


class Page(NamedTuple):
    """A running page: its address, and what its server prints."""

    address: str
    log: Path


def find(names: tuple[str, ...]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


def install() -> str | None:
    """Debian's packages of the browser; why there is none, or None."""
    if not (shutil.which('apt-get') and hasattr(os, 'geteuid') and os.geteuid() == 0):
        return f'no {PACKAGES[0]} with its driver here, and only root on Debian can install them'
    for words in (['update'], ['install', '-y', '--no-install-recommends', *PACKAGES]):
        done = subprocess.run(
            ['apt-get', '-q', *words],
            env=os.environ | {'DEBIAN_FRONTEND': 'noninteractive'},
            capture_output=True,
            text=True,
        )
    return None if done.returncode == 0 else f'apt-get could not install it: {done.stderr[-300:]}'


@contextmanager
def open_browser(profile: Path) -> Iterator[Chrome]:
    """A browser without a window; the test is skipped where there is none."""
    if not (find(BROWSERS) and find(DRIVERS)):
        reason = install()
        if reason is not None:
            print(f'skipped: {reason}')
            pytest.skip(reason)
    options = ChromeOptions()
    options.binary_location = find(BROWSERS)
    words = ('headless=new', 'no-sandbox', 'disable-dev-shm-usage', 'hide-scrollbars')
    for word in (*words, 'window-size=1280,1500', f'user-data-dir={profile}'):
        options.add_argument(f'--{word}')
    driver = Chrome(options=options, service=ChromeService(find(DRIVERS)))
    try:
        yield driver
    finally:
        driver.quit()


def resize(browser: Chrome, width: int, height: int) -> None:
    """Give the browser the screen of a device; windows can't be as narrow as a phone."""
    metrics = dict(width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)


@contextmanager
def running_page(config: Path, checkpoint: Path, *more: str) -> Iterator[Page]:
    words = ('--config', config, '--checkpoint', checkpoint, '--device', 'cpu', *more)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
    folder = tempfile.TemporaryDirectory()
    log = Path(folder.name, 'log')
    with log.open('w') as file:
        process = subprocess.Popen(
            [sys.executable, '-u', str(ROOT / 'demo/gradio_app.py'), *words, '--port', str(port)],
            env=os.environ | {'PYTHONPATH': paths, 'OMP_NUM_THREADS': '1'},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + PATIENCE
        while 'Running on local URL' not in log.read_text():
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield Page(f'http://127.0.0.1:{port}', log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # on a busy machine
            process.kill()
            process.wait()
        folder.cleanup()


def wait_for(browser: Chrome, what: Callable[[Chrome], object]) -> object:
    return WebDriverWait(browser, PATIENCE).until(what)


def find_all(browser: Chrome, selector: str) -> list:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def open_page(browser: Chrome, page: Page) -> None:
    browser.get(page.address)
    wait_for(browser, lambda d: find_all(d, '#given input[type=file]'))


def choose(browser: Chrome, video: Path) -> None:
    """Upload a video, in place of another one if there is one."""
    for button in find_all(browser, '#given button[aria-label="Clear"]'):
        button.click()
    wait_for(browser, lambda d: find_all(d, '#given input[type=file]'))
    find_all(browser, '#given input[type=file]')[0].send_keys(str(video))
    wait_for(browser, lambda d: find_all(d, '#given video'))


def press(browser: Chrome) -> None:
    browser.find_element(By.ID, 'run').click()


def status_of(browser: Chrome) -> str:
    return ''.join(found.get_property('value') for found in find_all(browser, '#status textarea'))


def error_of(browser: Chrome) -> str:
    return ''.join(found.text for found in find_all(browser, '#error .fault'))


def type_colour(browser: Chrome, text: str) -> None:
    """Choose a colour by the keyboard."""
    field = find_all(browser, '#colour input')[0]
    field.click()
    field.send_keys(Keys.CONTROL + 'a' + Keys.NULL, text, Keys.ENTER)


def move_threshold(browser: Chrome, value: float) -> None:
    """Move the slider as a hand does: its value changes, and the page is told."""
    browser.execute_script(
        "const slider = document.querySelector('#threshold input[type=range]');"
        'slider.value = arguments[0];'
        "slider.dispatchEvent(new Event('input', {bubbles: true}));"
        "slider.dispatchEvent(new Event('change', {bubbles: true}));",
        value,
    )
