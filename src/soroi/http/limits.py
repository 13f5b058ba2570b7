"""What one client may take of a server: sizes and spans of time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the server. Each has a remedy on the client's side, and none can be switched off."""

    head_bytes: int = 64 << 10
    """Most bytes of a request's path and headers together."""

    headers: int = 100
    """Most headers of a request."""

    head_seconds: float = 15.0
    """Longest time from the first byte of a request to the end of its headers."""

    body_seconds: float = 60.0
    """Longest time from the first byte of a request to its last."""

    idle_seconds: float = 65.0
    """How long a connection without requests is kept."""

    write_seconds: float = 60.0
    """How long a client may leave its answers unread before its connection is dropped."""

    linger_seconds: float = 2.0
    """How long a refused sender is listened to, so that it can read why."""

    pipelined: int = 16
    """Most requests of one connection that wait for those before them; then nothing more is read."""

    connections: int = 10_000
    """Most connections of one process."""

    inline_bytes: int = 64 << 10
    """Larger bodies are not answered on the event loop, where they would keep the others waiting."""

    held_bytes: int = 512 << 20
    """Most bytes of large bodies that one process holds, of all connections together."""

    threads: int = 32
    """Threads that answer what cannot be answered on the event loop. Each waits most of the time."""

    waiting: int = 256
    """Most requests that wait for such a thread; further ones are refused at once."""

    behind_seconds: float = 5.0
    """How long a request waits for a manifest that its client has seen already."""
