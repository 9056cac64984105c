"""What GitHub means by an answer that is no success, and when it may be asked again. Pure.

Protocol: docs.github.com/rest, "Rate limits for the REST API" and "Troubleshooting the REST API".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlgitops.errors import (
    GitHubDeniedError,
    GitHubError,
    GitHubFaultError,
    GitHubLimitedError,
    GitHubLoginError,
    GitHubRejectedError,
    GitHubUnseenError,
)
from mlgitops.words import brief, one_line, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.system.http import Answer

_LOGIN, _FORBIDDEN, _UNSEEN, _REJECTED, _LIMITED = 401, 403, 404, 422, 429
_UNTOLD = 60.0  # seconds to wait where a limit does not say how long
_SAID = 300  # characters of what GitHub says


def pause(answer: Answer, now: float) -> float | None:
    """Seconds until a request may be repeated that met a rate limit; None if it met none.

    Args:
        answer: to the request.
        now: the time of this machine, in seconds since the epoch.
    """
    if answer.status not in (_FORBIDDEN, _LIMITED):
        return None
    after = whole_number(answer.headers.get("Retry-After", ""))
    if after is not None:
        return float(after)
    if answer.headers.get("X-RateLimit-Remaining") == "0":
        reset = whole_number(answer.headers.get("X-RateLimit-Reset", ""))
        return _UNTOLD if reset is None else max(0.0, reset - now)
    if answer.status == _LIMITED or "rate limit" in _said(answer).lower():
        return _UNTOLD
    return None


def refusal(answer: Answer, what: str, now: float) -> GitHubError:
    """The error that an answer without success stands for.

    Args:
        answer: to the request.
        what: the request, such as "GET /repos/acme/farm/issues".
        now: as of `pause`.
    """
    status, said = answer.status, _said(answer)
    wait = pause(answer, now)
    if wait is not None:
        at = datetime.fromtimestamp(now + wait, UTC)
        return GitHubLimitedError(
            f"GitHub limits how often this token may ask: {what} ({status}): {said}; start again "
            f"after {at:%H:%M:%S} UTC"
        )
    if status == _LOGIN:
        return GitHubLoginError(
            f"GitHub denied {what} (401): {said}; the token is missing, wrong, expired or revoked"
        )
    if status in (_FORBIDDEN, _UNSEEN):
        kind = GitHubDeniedError if status == _FORBIDDEN else GitHubUnseenError
        return kind(f"GitHub denied {what} ({status}): {said}; {_remedy(answer.headers)}")
    if status == _REJECTED:
        return GitHubRejectedError(f"GitHub rejected {what}: {said}")
    if status >= 500:
        return GitHubFaultError(
            f"GitHub failed at {what} ({status}): {said}; start again later, and see "
            "https://www.githubstatus.com"
        )
    return GitHubError(f"GitHub answered {what} with {status}: {said}")


def grants(headers: Mapping[str, str]) -> str:
    """The permissions that a request takes, as a workflow writes them; empty if GitHub says none.

    Protocol: `X-Accepted-GitHub-Permissions: contents=write,workflows=write; metadata=read`: a
    semicolon stands between sets, of which one suffices.
    """
    sets = headers.get("X-Accepted-GitHub-Permissions", "").split(";")
    told = [
        ", ".join(
            f"`{name.strip().replace('_', '-')}: {level.strip()}`"
            for name, _, level in (one.partition("=") for one in listed.split(","))
            if level
        )
        for listed in sets
    ]
    return " or ".join(one for one in told if one)


def _remedy(headers: Mapping[str, str]) -> str:
    if headers.get("X-GitHub-SSO", "").startswith("required"):
        # not its address, which is a login
        return "authorize the token for the organization's single sign-on, in its settings"
    needed, where = grants(headers), "to the job's `permissions` or to the token"
    scopes = {one.strip() for one in headers.get("X-Accepted-OAuth-Scopes", "").split(",")} - {""}
    if "X-OAuth-Scopes" in headers and scopes:  # of a classic token
        has = headers["X-OAuth-Scopes"] or "none"
        return f"the token has the scopes {has} and needs {' or '.join(sorted(scopes))}"
    return f"add {needed} {where}" if needed else f"add the missing grant {where}"


def _said(answer: Answer) -> str:
    """The message of an answer, with what it says of single fields."""
    try:
        found = answer.json()
    except ValueError:
        return "no message"
    if not isinstance(found, dict):
        return "no message"
    errors = found.get("errors")
    told = [_of_field(one) for one in errors] if isinstance(errors, list) else []
    said = ": ".join([str(found.get("message") or "no message"), *filter(None, [", ".join(told)])])
    return brief(one_line(said), _SAID)


def _of_field(error: Any) -> str:
    """Protocol: docs.github.com/rest, "Validation failed": a message, or resource, field, code."""
    if not isinstance(error, dict):
        return str(error)
    parts = (error.get(key) for key in ("resource", "field", "code"))
    return str(error.get("message") or " ".join(str(part) for part in parts if part))
