"""Colours by name or number, as users write them on the command line and on the page."""

from avsbench.utils.errors import ConfigError, nearest


def parse_colour(text: str) -> tuple[int, int, int]:
    """RGB, 0 to 255, of a colour such as `red`, `#ff0000` or `rgb(255, 0, 0)`.

    Raises:
        ConfigError: It is none.
    """
    from PIL import ImageColor  # not for the help of a command

    try:
        red, green, blue = ImageColor.getrgb(text.strip())[:3]
    except ValueError:
        guess = nearest(text.strip().lower(), ImageColor.colormap)
        raise ConfigError(f'{text!r}: expected a colour such as red, or #ff0000{guess}') from None
    if max(red, green, blue) > 255:
        raise ConfigError(f'{text!r}: expected red, green and blue from 0 to 255')
    return red, green, blue
