"""The page in the browser: a video in, the same video with its objects marked out."""

from avsbench.page.layout import LOOK, build_page

__all__ = ['LOOK', 'build_page']
