"""The page in a real browser: upload, wait, play the result; and what it reports on mistakes."""

import csv
import io
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from motion_clips import disc_frames, toy_motion
from PIL import Image
from video_clips import HIGH, LOW, RATE, tone, toy_listener, write_video

pytest.importorskip('gradio')
pytest.importorskip('selenium')

from browsing import (  # noqa: E402
    choose,
    error_of,
    find_all,
    move_threshold,
    open_browser,
    open_page,
    press,
    resize,
    running_page,
    status_of,
    type_colour,
    wait_for,
)

from avsbench.page.marking import DOWNLOADS  # noqa: E402
from avsbench.video import VideoFile  # noqa: E402

CALLS = 'network called'
"""What `ToyListener` prints each time."""


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp('profile')) as driver:
        yield driver


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    """A running page with a toy network that listens."""
    with running_page(*toy_listener(tmp_path_factory.mktemp('page'))) as found:
        yield found


@pytest.fixture(scope='module')
def silent_page(tmp_path_factory):
    """A running page with a toy network without sound."""
    with running_page(*toy_motion(tmp_path_factory.mktemp('page'))) as found:
        yield found


@pytest.fixture(scope='module')
def marked(browser, page, tmp_path_factory):
    """The page after a clip was marked, on a phone: how often the network was called for it."""
    samples = tone([LOW, HIGH, LOW])[: int(2.6 * RATE)]
    video = write_video(tmp_path_factory.mktemp('video') / 'my "clip".mp4', 65, samples)
    resize(browser, 390, 844)
    open_page(browser, page)
    choose(browser, video)
    press(browser)
    wait_for(browser, lambda d: status_of(d).startswith('65 frames, 3 masks of 3 s'))
    wait_for(browser, lambda d: find_all(d, '#overlay video'))
    return page.log.read_text().count(CALLS)


def player(browser, name):
    return browser.execute_script(f"return document.querySelector('#overlay video').{name}")


def next_result(browser, before):
    """Address of the marked video that replaces another one."""
    wait_for(browser, lambda d: find_all(d, '#overlay video') and player(d, 'src') != before)
    return player(browser, 'src')


@pytest.fixture
def download(browser, tmp_path):
    """What a button gives."""
    allowed = dict(behavior='allow', downloadPath=str(tmp_path))
    browser.execute_cdp_cmd('Browser.setDownloadBehavior', allowed)

    def get(name):
        ending = DOWNLOADS[name].split()[1].strip('()')
        for old in tmp_path.glob(f'*.{ending}'):
            old.unlink()
        find_all(browser, f'#get_{name}')[0].click()
        wait_for(browser, lambda d: list(tmp_path.glob(f'*.{ending}')))
        (path,) = tmp_path.glob(f'*.{ending}')
        return path.read_bytes()

    return get


def test_the_marked_video_plays(browser, marked):
    wait_for(browser, lambda d: player(d, 'readyState') >= 2)
    assert player(browser, 'duration') == pytest.approx(2.6, abs=0.1)
    assert player(browser, 'videoWidth') == 64
    player(browser, 'muted=true')
    player(browser, 'play()')
    wait_for(browser, lambda d: player(d, 'currentTime') > 0.3)
    assert player(browser, 'error') is None
    assert player(browser, 'webkitAudioDecodedByteCount') > 0
    for name in ('audio', 'areas'):
        wait_for(browser, lambda d, n=name: find_all(d, f'#{n} img'))


def test_a_phone_shows_the_result_below_the_button(browser, marked):
    width = browser.execute_script('return document.documentElement.scrollWidth')
    assert width == 390, 'the page scrolls sideways'

    def place(name, side):
        found = f"return document.querySelector('#{name}').getBoundingClientRect().{side}"
        return browser.execute_script(found)

    wait_for(browser, lambda d: 0 <= place('run', 'top') < 100)
    assert 0 < place('overlay', 'top') - place('run', 'bottom') < 60
    assert place('overlay', 'bottom') < 844
    assert place('audio', 'top') > place('overlay', 'bottom')


def test_the_threshold_redraws_without_the_network(browser, page, marked, download):
    assert marked == 1
    assert 'threshold 0.5;' in status_of(browser)
    before = player(browser, 'src')
    move_threshold(browser, 0)
    wait_for(browser, lambda d: 'threshold 0, redrawn without the network' in status_of(d))
    next_result(browser, before)
    table = list(csv.DictReader(download('table').decode().splitlines()))
    assert [float(row['area']) for row in table] == [1, 1, 1]  # everything exceeds 0
    move_threshold(browser, 0.5)
    wait_for(browser, lambda d: 'threshold 0.5, redrawn' in status_of(d))
    assert page.log.read_text().count(CALLS) == 1


def test_the_colour_redraws_without_the_network(browser, page, marked, download, tmp_path):
    assert find_all(browser, '#colour input')[0].get_property('value') == 'orange'
    before = player(browser, 'src')
    for colour, (more, less) in {'blue': (2, 0), '#f00': (0, 2)}.items():
        type_colour(browser, colour)
        before = next_result(browser, before)
        (tmp_path / 'now').write_bytes(download('marked'))
        left = next(VideoFile(tmp_path / 'now').frames()).rgb()[30:, 5:25].mean((0, 1))
        assert left[more] > left[less] + 60, (colour, left)
    type_colour(browser, 'bleu')
    wait_for(browser, lambda d: error_of(d).startswith("'bleu': expected a colour such as red"))
    assert player(browser, 'src') == before, 'the result is gone'
    type_colour(browser, 'orange')
    next_result(browser, before)
    assert not error_of(browser)
    assert page.log.read_text().count(CALLS) == 1


def test_downloads(marked, download):
    table = list(csv.DictReader(download('table').decode().splitlines()))
    assert [row['class'] for row in table] == ['sounding'] * 3
    with zipfile.ZipFile(io.BytesIO(download('masks'))) as archive:
        names = sorted(archive.namelist())
        masks = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    assert len(masks) == 3 and all(mask.shape == (48, 64) for mask in masks)
    assert [bool(mask[20, 10]) for mask in masks] == [True, False, True]
    assert Image.open(io.BytesIO(download('sheet'))).width > 300
    assert download('marked')[4:8] == b'ftyp'


def test_an_example_and_the_words_around_it(browser, marked):
    text = find_all(browser, 'body')[0].text
    assert 'Choose a video with sound' in text and 'It was trained on' in text
    assert 'ToyListener' not in text  # details, on request
    find_all(browser, '#about button')[0].click()
    wait_for(browser, lambda d: 'ToyListener' in find_all(d, '#about')[0].text)
    about = find_all(browser, '#about')[0].text
    assert 'clips of 5 seconds' in about and '32 x 32' in about
    example, *_ = find_all(browser, '#examples button')
    assert example.text == 'example A'
    example.click()
    wait_for(browser, lambda d: 'example_A' in find_all(d, '#given video')[0].get_property('src'))


def test_a_video_without_audio_is_reported_at_the_button(browser, marked, tmp_path):
    choose(browser, write_video(tmp_path / 'silent.mp4', 10, None))
    wait_for(browser, lambda d: error_of(d).startswith('silent.mp4: has no audio track'))
    press(browser)
    wait_for(browser, lambda d: not find_all(d, '#overlay video'))
    wait_for(browser, lambda d: error_of(d).startswith('silent.mp4: has no audio track'))
    (fault,) = find_all(browser, '#error .fault')
    (button,) = find_all(browser, '#run')
    assert 0 <= fault.location['y'] - button.location['y'] - button.size['height'] < 40
    assert fault.value_of_css_property('background-color').startswith('rgba(253, 232, 232')
    assert not find_all(browser, '.toast-body')


def test_a_network_without_sound_needs_none(browser, silent_page, tmp_path):
    video = write_video(tmp_path / 'silent.mp4', disc_frames(40), None, rate=25)
    resize(browser, 1280, 1500)
    open_page(browser, silent_page)
    choose(browser, video)
    press(browser)
    wait_for(browser, status_of)
    status = status_of(browser)
    assert status.startswith('40 frames, 40 masks of 1.6 s') and 'audio none' in status, status
    text = find_all(browser, 'body')[0].text
    assert 'sound' not in text.lower(), text
    wait_for(browser, lambda d: find_all(d, '#areas img'))
    assert not find_all(browser, '#audio')
    find_all(browser, '#settings button')[0].click()
    wait_for(browser, lambda d: find_all(d, '#windows input[value=centre]'))[0].click()
    press(browser)
    wait_for(browser, lambda d: '40 masks' in status_of(d) and status_of(d) != status)


def test_only_this_machine_reaches_the_page(page):
    port = int(re.search(r':(\d+)$', page.address).group(1))
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
