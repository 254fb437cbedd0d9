"""Makes the pictures of the page in docs/images, from a running page and one of its examples.

python tests/test_demo/page_images.py config/s4/demo.py CHECKPOINT
"""

import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

from browsing import (
    ROOT,
    Page,
    find_all,
    open_browser,
    open_page,
    press,
    resize,
    running_page,
    status_of,
    wait_for,
)
from PIL import Image
from selenium.webdriver import Chrome

SCREENS = {1280: 960, 390: 1520}  # width: height in pixels
EXAMPLE = 1
MOMENT = 3.5  # second of the video that is shown


def main() -> None:
    config, checkpoint = map(Path, sys.argv[1:])
    with (
        tempfile.TemporaryDirectory() as folder,
        running_page(config, checkpoint) as page,
        open_browser(Path(folder)) as browser,
    ):
        take(browser, page)


def take(browser: Chrome, page: Page) -> None:
    for width, height in SCREENS.items():
        resize(browser, width, height)
        open_page(browser, page)
        wait_for(browser, lambda d: len(find_all(d, '#examples button')) > EXAMPLE)
        find_all(browser, '#examples button')[EXAMPLE].click()
        wait_for(browser, lambda d: find_all(d, '#given video'))
        press(browser)
        wait_for(browser, status_of)
        for selector in ('#given video', '#overlay video'):
            wait_for(browser, lambda d, s=selector: find_all(d, s))
            show = f'document.querySelector(arguments[0]).currentTime = {MOMENT}'
            browser.execute_script(show, selector)
        browser.execute_script('document.activeElement.blur()')
        time.sleep(2)  # until the videos show that moment, and the page has scrolled
        browser.execute_script('scrollTo(0, 0)')
        time.sleep(1)
        image = Image.open(BytesIO(browser.get_screenshot_as_png())).convert('RGB')
        image.save(ROOT / f'docs/images/page_{width}.png', optimize=True)


if __name__ == '__main__':
    main()
