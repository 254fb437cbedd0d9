"""The work of `avsbench page`."""

import argparse
import os
import socket

os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'  # read when gradio is imported

from avsbench.apis import AVSInferencer
from avsbench.commands.network import config_of_arguments
from avsbench.page import LOOK, build_page
from avsbench.utils.errors import ConfigError
from avsbench.utils.extras import require

WAITING = 32  # videos that wait for the network, which takes one at a time; more are turned away


def run(args: argparse.Namespace) -> None:
    """Run `avsbench page`."""
    gradio = require('gradio', 'the page')
    require('av', 'reading and writing video')
    check_address(args.host, args.port)
    inferencer = AVSInferencer(
        config_of_arguments(args),
        args.checkpoint,
        device=args.device,
        trust_checkpoint=args.trust_checkpoint,
        cfg_options=args.cfg_options,
        augment=args.augment,
        amp=args.amp,
        show_progress=False,
    )
    try:
        page = build_page(gradio, inferencer, args.max_seconds)
        page.queue(max_size=WAITING, default_concurrency_limit=1).launch(
            server_name=args.host,
            server_port=args.port,
            share=False,
            ssr_mode=False,
            max_file_size=args.max_upload,
            css=LOOK,
            theme=gradio.themes.Default(font=['sans-serif'], font_mono=['monospace']),
        )
    except OSError as error:
        raise ConfigError(f'{args.host}, port {args.port or "7860 to 7959"}: {error}') from error


def check_address(host: str, port: int | None) -> None:
    """Find out, before the network is built, whether the page can be there.

    Raises:
        ConfigError: The host is not this machine, or the port is taken or not allowed.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except (OSError, UnicodeError) as error:
        where = f'--host {host}' if port is None else f'--host {host}, --port {port}'
        raise ConfigError(
            f'{where}: no page can be opened there ({error}); --host takes an address of this '
            'machine (127.0.0.1, or 0.0.0.0 for all), --port a free one, or leave it out'
        ) from error
