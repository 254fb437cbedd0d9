"""All images of a clip have one size."""

from avsbench.media.faults import BrokenFileError, ClipCheck


def compare_size(path: str, size: tuple[int, int] | None, found: ClipCheck) -> None:
    """Compare an image (H, W) with the first good frame of its clip, and note a difference."""
    if size is None:
        return
    if found.first_image is None:
        found.first_image = (path, size)
    elif size != found.first_image[1]:
        found.faults.append(size_error(path, size, *found.first_image))


def size_error(path: str, shape: tuple, other: str, expected: tuple) -> BrokenFileError:
    """The fault of a file of `shape` (H, W, ...) beside another of `expected` (H, W, ...)."""
    have, want = (f'{width} x {height}' for height, width in (shape[:2], expected[:2]))
    return BrokenFileError(f'{path}: {have} pixels, but {other} has {want}', 'sizes differ')
