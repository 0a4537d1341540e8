"""
The border to clients: websocket sessions and HTTP.

    client ──frame──▶ websocket ──▶ session ──command──▶ sequencer
    client ◀─frame── session ◀──outcome── sequencer ──records──▶ hub ──▶ projections, stream

A gateway submits commands and reads projections; it never touches the engine's state. What leaves
it is durable: outcomes arrive after the commit, and projections fold committed records only.
"""

from .hub import Hub
from .server import build_app, build_metrics_app, start
from .settings import GatewaySettings

__all__ = ["GatewaySettings", "Hub", "build_app", "build_metrics_app", "start"]
