"""A TCP proxy for a broker that can cut connections, slow them, and hold back answers."""

import contextlib
import socket
import threading
import time

from infra.kafka.launcher import LocalBroker, Security
from support.paths import JARS
from support.ports import find_free_port

_PIECE = 64 * 1024


class Proxy:
    """Forwards connections to 127.0.0.1:`port` to 127.0.0.1:`target`.

    `delay` is how long, in seconds, each piece of up to 64 KiB is held, in both directions. While
    `answers` is not set, the target's answers are held back.
    """

    def __init__(self, port, target):
        self.delay = 0.0
        self.answers = threading.Event()
        self.answers.set()
        self._target = target
        self._pairs = []
        self._server = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Close every connection, and return how many there were."""
        pairs = self._pairs
        self._pairs = []
        for pair in pairs:
            _close(*pair)
        return len(pairs)

    def close(self):
        _close(self._server)
        self.cut()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                try:
                    target = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # the broker is down
                    _close(client)
                    continue
                self._pairs.append((client, target))
                always = threading.Event()
                always.set()
                for ends in ((client, target, always), (target, client, self.answers)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source, target, gate):
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                time.sleep(self.delay)
                gate.wait()
                target.sendall(piece)
        with contextlib.suppress(ValueError):
            pair = (source, target)
            self._pairs.remove(pair if pair in self._pairs else pair[::-1])
        _close(source, target)


def _close(*sockets):
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(
                socket.SHUT_RDWR
            )  # wakes a thread that waits in recv; close alone does not
        each.close()


@contextlib.contextmanager
def run_proxied_broker(home):
    """Run a broker behind a proxy; yield the broker's address, the proxy's address and the proxy.

    The broker tells clients that connect through the proxy to stay on it.
    """
    port = find_free_port(following=3)
    listeners = (
        f"listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{port + 1},"
        f"CONTROLLER://127.0.0.1:{port + 3}\n"
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{port + 2}\n"
        "listener.security.protocol.map="
        "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT\n"
    )
    broker = LocalBroker(home, port, JARS, Security(server=listeners, credentials=(), client={}))
    broker.start(say=print)
    try:
        with contextlib.closing(Proxy(port + 2, port + 1)) as proxy:
            yield broker.bootstrap_servers, f"127.0.0.1:{port + 2}", proxy
    finally:
        broker.stop()
