"""The server: the decision engine over HTTP."""

from soroi.http.app import make_app
from soroi.http.server import run_server
from soroi.http.service import Service, open_service

__all__ = ["Service", "make_app", "open_service", "run_server"]
