"""The page in a real browser: upload, wait, play the result; and what it reports on mistakes."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from motion_clips import disc_frames, toy_motion
from video_clips import HIGH, LOW, RATE, tone, toy_listener, write_video

pytest.importorskip('gradio')
selenium = pytest.importorskip('selenium')

from selenium.webdriver import Chrome, ChromeOptions, ChromeService  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BROWSERS, DRIVERS = ('chromium', 'chromium-browser', 'google-chrome'), ('chromedriver',)
PACKAGES = ('chromium', 'chromium-driver')
PATIENCE = 120  # seconds
# Where a run saves a screenshot of the page, if asked to.
SCREENSHOT = os.environ.get('AVSBENCH_SCREENSHOT')


def find(names):
    return next(filter(None, map(shutil.which, names)), None)


def install():
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


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    if not (find(BROWSERS) and find(DRIVERS)):
        reason = install()
        if reason is not None:
            print(f'skipped: {reason}')
            pytest.skip(reason)
    options = ChromeOptions()
    options.binary_location = find(BROWSERS)
    words = ('headless=new', 'no-sandbox', 'disable-dev-shm-usage', 'window-size=1280,1500')
    for word in (*words, f'user-data-dir={tmp_path_factory.mktemp("profile")}'):
        options.add_argument(f'--{word}')
    driver = Chrome(options=options, service=ChromeService(find(DRIVERS)))
    yield driver
    driver.quit()


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    """Address of a running page with a toy network that listens."""
    with running_page(toy_listener(tmp_path_factory.mktemp('page'))) as address:
        yield address


@pytest.fixture(scope='module')
def silent_page(tmp_path_factory):
    """Address of a running page with a toy network without sound."""
    with running_page(toy_motion(tmp_path_factory.mktemp('page'))) as address:
        yield address


@contextmanager
def running_page(files, *more):
    config, checkpoint = files
    words = ('--config', config, '--checkpoint', checkpoint, '--device', 'cpu', *more)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
    log = config.with_suffix('.log')
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
        yield f'http://127.0.0.1:{port}'
    finally:
        process.terminate()
        process.wait(timeout=30)


def use(browser, address, video):
    """Open the page, upload a video, press the button; the status that appears."""
    browser.get(address)
    wait = WebDriverWait(browser, PATIENCE)
    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, '#given input[type=file]'))
    browser.find_element(By.CSS_SELECTOR, '#given input[type=file]').send_keys(str(video))
    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, '#given video'))
    browser.find_element(By.ID, 'run').click()

    wait.until(status_of)
    return status_of(browser)


def status_of(browser):
    return browser.find_element(By.CSS_SELECTOR, '#status textarea').get_property('value')


def test_clip_in_playable_overlay_out(browser, page, tmp_path):
    samples = tone([LOW, HIGH, LOW])[: int(2.6 * RATE)]
    video = write_video(tmp_path / 'my "clip".mp4', 65, samples)
    status = use(browser, page, video)
    assert status.startswith('65 frames, 3 masks of 3 s'), status
    text = browser.find_element(By.TAG_NAME, 'body').text
    assert 'ToyListener' in text and 'clips of 5 seconds' in text and '32 x 32' in text
    wait = WebDriverWait(browser, PATIENCE)

    def player(name):
        return f"return document.querySelector('#overlay video').{name}"

    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, '#overlay video'))
    wait.until(lambda d: d.execute_script(player('readyState')) >= 2)
    assert browser.execute_script(player('duration')) == pytest.approx(2.6, abs=0.1)
    assert browser.execute_script(player('videoWidth')) == 64
    browser.execute_script(player('muted=true'))
    browser.execute_script(player('play()'))
    wait.until(lambda d: d.execute_script(player('currentTime')) > 0.3)
    assert browser.execute_script(player('error')) is None
    assert browser.execute_script(player('webkitAudioDecodedByteCount')) > 0
    for name in ('audio', 'areas'):
        wait.until(lambda d, n=name: d.find_elements(By.CSS_SELECTOR, f'#{n} img'))
    if SCREENSHOT:
        browser.save_screenshot(SCREENSHOT)


def test_a_video_without_audio_is_reported_on_the_page(browser, page, tmp_path):
    video = write_video(tmp_path / 'silent.mp4', 10, None)
    status = use(browser, page, video)
    assert status.startswith('error: silent.mp4: has no audio track'), status
    assert not browser.find_elements(By.CSS_SELECTOR, '#overlay video')


def test_a_network_without_sound_needs_none(browser, silent_page, tmp_path):
    video = write_video(tmp_path / 'silent.mp4', disc_frames(40), None, rate=25)
    status = use(browser, silent_page, video)
    assert status.startswith('40 frames, 40 masks of 1.6 s') and 'audio none' in status, status
    text = browser.find_element(By.TAG_NAME, 'body').text
    assert 'clips of 6 consecutive frames' in text and 'sound' not in text.lower(), text
    assert '56 x 32' in text and 'one class, object' in text
    wait = WebDriverWait(browser, PATIENCE)
    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, '#areas img'))
    assert not browser.find_elements(By.CSS_SELECTOR, '#audio')
    if SCREENSHOT:
        browser.save_screenshot(SCREENSHOT.replace('.png', '_silent.png'))
    browser.find_element(By.CSS_SELECTOR, '#windows input[value=centre]').click()
    browser.find_element(By.ID, 'run').click()
    wait.until(lambda d: '40 masks' in status_of(d) and status_of(d) != status)


def test_only_this_machine_reaches_the_page(page):
    port = int(re.search(r':(\d+)$', page).group(1))
    listening = [
        line.split()[1]
        for table in ('/proc/net/tcp', '/proc/net/tcp6')
        if os.path.exists(table)
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == '0A' and line.split()[1].endswith(f':{port:04X}')
    ]
    if not listening:
        pytest.skip('the open ports cannot be read here')
    assert listening == [f'0100007F:{port:04X}']  # 127.0.0.1
