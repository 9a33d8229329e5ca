"""A TCP proxy in front of a broker: it cuts connections, slows them, and holds answers back."""

import contextlib
import socket
import threading
import time

from infra.kafka.launcher import LocalBroker, Security
from support.paths import JARS
from support.ports import find_free_port

_PIECE = 64 * 1024


class Proxy:
    """Passes connections to 127.0.0.1:`port` on to 127.0.0.1:`target`.

    `delay`: seconds that each piece of up to 64 KiB is held, either way. While `answers` is not set, what the target says is held back.
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
        """Ends every connection; how many there were."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _end(*pair)
        return len(pairs)

    def close(self):
        _end(self._server)
        self.cut()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                try:
                    target = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # the broker is away
                    _end(client)
                    continue
                self._pairs.append((client, target))
                always = threading.Event()
                always.set()
                threading.Thread(
                    target=self._pump, args=(client, target, always), daemon=True
                ).start()
                threading.Thread(
                    target=self._pump, args=(target, client, self.answers), daemon=True
                ).start()

    def _pump(self, source, target, gate):
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                time.sleep(self.delay)
                gate.wait()
                target.sendall(piece)
        with contextlib.suppress(ValueError):
            self._pairs.remove(
                (source, target) if (source, target) in self._pairs else (target, source)
            )
        _end(source, target)


def _end(*sockets):
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)  # wakes who waits in it; closing alone does not
        one.close()


@contextlib.contextmanager
def run_proxied_broker(home):
    """(a broker's own address, the proxy's address, the proxy). The broker sends whoever comes by the proxy back to the proxy."""
    port = find_free_port(following=3)
    listeners = (
        f"listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{port + 1},CONTROLLER://127.0.0.1:{port + 3}\n"
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{port + 2}\n"
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT\n"
    )
    broker = LocalBroker(home, port, JARS, Security(server=listeners, credentials=(), client={}))
    broker.start(say=print)
    try:
        with contextlib.closing(Proxy(port + 2, port + 1)) as proxy:
            yield broker.bootstrap_servers, f"127.0.0.1:{port + 2}", proxy
    finally:
        broker.stop()
