"""Which labels of a pull request count: those that a reviewer set after the last push. Pure.

Anybody with triage rights can set a label, its author too, and before another push. So a label
counts only if a person set it who neither opened the pull request nor pushed to it last, and who is
an approver, where there is a list of them.

Protocol: docs.github.com, "Issue event types" and "List repository activities". The dates of
commits, and with them their order in a timeline, are whatever their author writes: only times that
GitHub itself took are compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlgitops.core.permissions import LABELS
from mlgitops.errors import GitHubError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

APPROVERS = "MLGITOPS_APPROVERS"
_APPROVER = re.compile(r"@?([A-Za-z0-9_-]+)(?:/([A-Za-z0-9_.-]+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A label that allows something.

    Attributes:
        by: the login of who set it; empty if GitHub does not say.
        why_not: why it does not count; empty if it does.
    """

    name: str
    by: str
    why_not: str

    @property
    def known(self) -> str:
        """As permissions take it."""
        return f"{self.name}@{self.by}"

    def __str__(self) -> str:
        if self.why_not:
            return f"the label {self.name} does not count: {self.why_not}"
        return f"the label {self.name} counts: {self.by} set it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Approvers:
    """Who may allow something: logins in lower case, and teams as organization and name."""

    people: frozenset[str]
    teams: tuple[tuple[str, str], ...]


def approvers(text: str) -> Approvers | None:
    """Who a list of `@person` and `@organization/team` names; None if it names nobody.

    Raises:
        GitHubError: it holds something else.
    """
    found = []
    for word in text.replace(",", " ").split():
        match = _APPROVER.fullmatch(word)
        if match is None:
            raise GitHubError(
                f"{APPROVERS} holds {word[:60]!r}; write people and teams as in "
                "`@ada, @acme/reviewers`"
            )
        found.append(match.groups())
    if not found:
        return None
    return Approvers(
        people=frozenset(name.lower() for name, team in found if team is None),
        teams=tuple((name, team) for name, team in found if team is not None),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What GitHub knows of a pull request.

    Attributes:
        pull: itself.
        events: of its issue, in their order in time.
        activity: the moves of its branch; empty if the token cannot see them.
        reviews: of it.
    """

    pull: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    activity: tuple[Mapping[str, Any], ...]
    reviews: tuple[Mapping[str, Any], ...]


def allowing(pull: Mapping[str, Any]) -> frozenset[str]:
    """The labels of a pull request that allow something, whether they count or not."""
    return LABELS & {str(label.get("name")) for label in pull.get("labels") or ()}


def judged(facts: Facts, disapproved: Callable[[str], str]) -> tuple[Label, ...]:
    """The labels that allow something, with whether they count.

    Args:
        facts: what is known.
        disapproved: tells of a login why it is no approver's; empty if it is.
    """
    pushed, pusher = _last_push(facts)
    found = []
    for name in sorted(allowing(facts.pull)):
        event = _set(name, facts.events)
        who = login(event.get("actor"))
        why_not = _why_not(event, facts.pull, pushed, pusher) or disapproved(who)
        found.append(Label(name=name, by=who, why_not=why_not))
    return tuple(found)


def login(user: Any) -> str:
    """The name of a user; empty where GitHub does not know one any more."""
    return str((user or {}).get("login") or "")


def _set(name: str, events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The event by which a label was set that was not removed since."""
    found: Mapping[str, Any] = {}
    for event in events:
        if (event.get("label") or {}).get("name") == name:
            found = event if event.get("event") == "labeled" else {}
    return found


def _why_not(
    event: Mapping[str, Any], pull: Mapping[str, Any], pushed: datetime | None, pusher: str
) -> str:
    who, at = login(event.get("actor")), _moment(event.get("created_at"))
    if not who or at is None:
        return "GitHub does not say who set it, and when"
    if event["actor"].get("type") != "User":
        return f"{who}, which is no person, set it"
    if who.lower() == login(pull.get("user")).lower():
        return f"{who} set it and opened the pull request"
    if pushed is None:
        return (
            "nothing shows that it was set after the last push; review the pull request, then "
            "remove the label and set it again"
        )
    if at <= pushed:
        return f"{who} set it before the last push; remove it and set it again"
    if who.lower() == pusher.lower():
        return f"{who} set it and pushed last"
    return ""


def _last_push(facts: Facts) -> tuple[datetime | None, str]:
    """When the last push was over at the latest, and the login of who made it.

    GitHub forgets when a branch moved, or does not tell. But whoever reviewed the head, or merged
    it, did so after it was pushed. No time if there is neither, no login if only those are known.
    """
    head, merged = (facts.pull.get("head") or {}).get("sha"), _moment(facts.pull.get("merged_at"))
    moves = [
        (at, login(one.get("actor")))
        for one in facts.activity
        if one.get("after") == head and (at := _moment(one.get("timestamp")))
    ]
    # a branch may be restored after the merge
    if moves := [move for move in moves if merged is None or move[0] <= merged]:
        return max(moves)
    reviewed = [_moment(r.get("submitted_at")) for r in facts.reviews if r.get("commit_id") == head]
    seen = [at for at in (merged, *reviewed) if at]
    if not seen or not head:
        return None, ""
    forced = [
        at
        for event in facts.events
        if event.get("event") == "head_ref_force_pushed"
        and (at := _moment(event.get("created_at")))
    ]
    return max([min(seen), *forced]), ""


def _moment(text: object) -> datetime | None:
    """A time that GitHub gives; None if it gives none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
