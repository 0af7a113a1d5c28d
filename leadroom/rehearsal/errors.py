"""Errors of the rehearsal server, in the shape the Messages API gives its own."""

from __future__ import annotations

from typing import Any

KINDS: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


class ApiError(Exception):
    """An answer other than success: an HTTP status, a sentence, and headers such as retry-after."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON body, the same shape as the real API's errors."""
        kind = KINDS.get(self.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": str(self)}, "request_id": request_id}


class ScriptError(Exception):
    """A script file that cannot be played; the sentence names the file, the turn and the cure."""
