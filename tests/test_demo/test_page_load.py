"""Ten users of the page at once: each gets their own result, a bad video harms nobody else."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from video_clips import HIGH, LOW, tone, toy_listener, write_video

pytest.importorskip('gradio')
pytest.importorskip('selenium')
from browsing import running_page  # noqa: E402
from gradio_client import Client, handle_file  # noqa: E402

LIMITS = ('--max-seconds', '4', '--max-upload', '100kb')


@pytest.fixture(scope='module')
def address(tmp_path_factory: pytest.TempPathFactory):
    with running_page(*toy_listener(tmp_path_factory.mktemp('page')), *LIMITS) as found:
        yield found.address


def status(address: str, video: Path) -> str:
    """The error or the status that a user of their own sees after uploading a video."""
    try:
        client = Client(address, verbose=False)
        error, _, _, done, *_ = client.predict(handle_file(str(video)), 0.5, 1, api_name='/mark')
        return error.get('value') or done['value']
    except Exception as error:  # noqa: BLE001  what the client makes of a refused upload
        return f'refused: {error!r}'


def test_ten_users_at_once(address: str, tmp_path: Path) -> None:
    videos = []
    for number in range(10):
        seconds = 1 + number % 3
        path = tmp_path / f'video{number}.mp4'
        videos.append(write_video(path, 5 * seconds, tone([LOW] * seconds), rate=5))
    videos[3].write_bytes(b'\0' * 5000)
    videos[5] = write_video(tmp_path / 'long.mp4', 25, tone([HIGH] * 5), rate=5)
    videos[7].write_bytes(b'\0' * 300_000)
    with ThreadPoolExecutor(len(videos)) as pool:
        found = list(pool.map(lambda video: status(address, video), videos))
    for number, text in enumerate(found):
        if number in (3, 5, 7):
            continue
        seconds = 1 + number % 3
        assert re.match(f'{5 * seconds} frames, {seconds} masks? of {seconds} s', text), text
    assert 'video3.mp4: not readable as a video' in found[3], found[3]
    assert 'long.mp4: longer than 4 s, which is the limit' in found[5], found[5]
    assert found[7].startswith('refused: '), found[7]
    assert status(address, videos[0]).startswith('5 frames')  # the page still works
