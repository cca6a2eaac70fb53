"""Wires between a client and a server, which a test can slow down, silence, cut or fill with garbage."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager


class Wire:
    """A wire to a server that can be slow, go silent without a word, be cut, or carry garbage."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._open: set[asyncio.StreamWriter] = set()
        self.delay_seconds = 0.0
        self.is_silent = False
        self.is_cut = False
        self.garbage: bytes | None = None
        self.url = ""
        self.listens_on = 0
        self.handshakes = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handshakes += 1
        if self.is_cut:
            writer.close()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        self._open |= {writer, there_writer}
        try:
            await asyncio.gather(
                self._pump(reader, there_writer), self._pump(there_reader, writer, is_answer=True)
            )
        finally:
            for one in (writer, there_writer):
                self._open.discard(one)
                one.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if is_answer and self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if not self.is_silent:
                    writer.write(self.garbage if is_answer and self.garbage is not None else data)
                    await writer.drain()
            writer.close()

    def cut(self) -> None:
        """Break every connection, and take no new one."""
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def wired(port: int, *, count: int = 1, tls: ssl.SSLContext | None = None) -> AsyncIterator[list[Wire]]:
    """Wires to the server at this port; with `tls` they speak it to their callers, and plainly beyond."""
    wires = [Wire(port) for _ in range(count)]
    async with AsyncExitStack() as stack:
        for wire in wires:
            server = await asyncio.start_server(wire.carry, "127.0.0.1", 0, ssl=tls)
            wire.listens_on = server.sockets[0].getsockname()[1]
            wire.url = f"valkey://127.0.0.1:{wire.listens_on}"
            stack.callback(server.close)
            stack.callback(wire.cut)
        yield wires
