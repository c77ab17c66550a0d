"""``exposer faucet``: the faucet as a process, from binding its port to ending by the signal that it got."""

import asyncio
import logging
import math
import signal
import socket
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType

import uvicorn

from exposer import log
from exposer.accounts.coins import parse_coins
from exposer.accounts.purse import Purse
from exposer.duration import parse_duration
from exposer.errors import ExposerError, from_os_error
from exposer.faucet.app import Faucet, create_app
from exposer.faucet.journal import open_journal
from exposer.faucet.protocol import Doors, protocol
from exposer.faucet.settings import FaucetSettings
from exposer.listener import AT_ONCE, BACKLOG, Listener, most_connections
from exposer.settings import read_settings
from exposer.sockets import address, bind, end_by

logger = logging.getLogger(__name__)
_OTHER_DESCRIPTORS = 80  # the loop's, the log's, the volume's, the node's, and of connections that are just being ended
_NO_CREDIT = 1000  # connections beside those of credits that may be under way


def main(argv: Sequence[str] | None = None) -> int:
    """Give until a signal comes; ``argv`` is what follows ``faucet`` (``sys.argv`` when None).

    Returns the exit code: 1 where the port cannot be bound, 3 and 4 for wrong settings and a damaged volume, 75 where
    another faucet is at work on it. SIGTERM and SIGINT end the process by themselves; where they cannot (PID 1) the
    code is 128 + their number.
    """
    log.configure()
    try:
        settings = read_settings(
            FaucetSettings, argv, prog="exposer faucet", description="Give coins of a chain to who asks."
        )
        log.configure(settings.log_format, settings.log_level)
        return _serve(settings)
    except ExposerError as error:
        known = error
    except OSError as error:
        known = from_os_error(error)
    logger.error("%s", known)
    return known.exit_code


def _serve(settings: FaucetSettings) -> int:
    purse = Purse.read(settings.dir)
    if settings.amount:
        purse = replace(purse, amounts=parse_coins(settings.amount, "FAUCET_AMOUNT"))
    with (
        open_journal(settings.dir, parse_duration(settings.cooldown)) as journal,
        bind(settings.host, settings.port, settings.fd, backlog=BACKLOG) as listener,
    ):
        if journal.ledger.owed:
            logger.info("%d credits are owed from before", len(journal.ledger.owed))
        most = most_connections(settings.max_queue + _NO_CREDIT, others=_OTHER_DESCRIPTORS)
        doors = Doors(most, parse_duration(settings.request_timeout))
        server = Server(Faucet(settings, purse, journal), doors, parse_duration(settings.drain))
        try:
            server.run(sockets=[Listener(listener, None)])
        except KeyboardInterrupt:
            end_by(signal.SIGINT)
    return 128 + server.ended_by


class Server(uvicorn.Server):
    """uvicorn's server, which answers its clients before it ends, and ends at once at a second signal."""

    def __init__(self, faucet: Faucet, doors: Doors, drain: float) -> None:
        """``drain`` is in seconds."""
        super().__init__(
            uvicorn.Config(
                create_app(faucet),
                loop="asyncio",
                http=protocol(doors),
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=AT_ONCE,
                timeout_graceful_shutdown=math.ceil(drain) + 1,
            )
        )
        self._faucet = faucet
        self._drain = drain
        self.ended_by = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the address."""
        await super().startup(sockets)
        for listener in sockets or []:
            logger.info("listening on %s", address(listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing more; who waits has a while for the block of his credit, then is told that it is pending."""
        if owed := len(self._faucet.ledger.owed):
            logger.info("stopping; %d credits are under way", owed)
        asyncio.get_running_loop().call_later(self._drain, self._faucet.desk.close)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a first signal; end at the second."""
        if self.should_exit:
            end_by(sig)
        self.ended_by = sig
        super().handle_exit(sig, frame)
