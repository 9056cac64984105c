"""The repository on GitHub, as far as the token may read its settings.

Protocol: docs.github.com/rest. No value of a variable is shown, and GitHub tells none of a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlgitops.doctor import expected
from mlgitops.doctor.finding import failed, passed, unchecked
from mlgitops.errors import GitHubDeniedError, GitHubError, GitHubUnseenError
from mlgitops.words import listed, nearest, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from mlgitops.doctor.finding import Finding
    from mlgitops.github.api import GitHub

_BROAD = {"admin:org", "delete_repo", "admin:enterprise", "site_admin"}
_IMPORT = f"import {expected.RULESET} under Settings → Rules"
_PULL_REQUEST = (
    "require_code_owner_review",
    "require_last_push_approval",
    "dismiss_stale_reviews_on_push",
)


def repository(api: GitHub, name: str, required: Collection[str]) -> Iterator[Finding]:
    """Everything that is set up on GitHub.

    Args:
        api: what is asked.
        name: OWNER/NAME.
        required: the checks without which nothing may be merged; any will do, if it is empty.
    """
    try:
        about, headers = api.read("")
    except GitHubError as error:
        yield failed("repository", one_line(error), "check GITHUB_REPOSITORY and GITHUB_TOKEN")
        return
    yield _named(about, name)
    yield _token(headers)
    checks = _Checks(api, about, required)
    for check, look in checks.all():
        try:
            yield from look()
        except GitHubDeniedError as error:
            yield unchecked(check, one_line(error))
        except GitHubError as error:
            yield failed(check, one_line(error), "")


def _named(about: dict[str, Any], name: str) -> Finding:
    full = str(about.get("full_name"))
    if about.get("archived"):
        return failed("repository", f"{full} is archived", "unarchive it, or use another one")
    if full.lower() != name.lower():
        remedy = f"git remote set-url origin https://…/{full}"
        return failed("repository", f"{name} is called {full} now", remedy)
    return passed("repository", f"{full}, {about.get('visibility', 'private')}")


def _token(headers: Any) -> Finding:
    """Protocol: docs.github.com/rest, headers of an answer to a personal access token."""
    expiry = headers.get("GitHub-Authentication-Token-Expiration")
    until = f", until {expiry}" if expiry else ""
    scopes = headers.get("X-OAuth-Scopes")
    if scopes is None:
        return passed("token", f"its grants are not told but by what it may read{until}")
    broad = _BROAD & {one.strip() for one in scopes.split(",")}
    if broad:
        found = f"a classic token with the scopes {scopes}{until}"
        return failed("token", found, f"use one without {listed(sorted(broad))}")
    return passed("token", f"a classic token with the scopes {scopes or 'none'}{until}")


class _Checks:
    """The checks of one repository, which share what they read."""

    def __init__(self, api: GitHub, about: dict[str, Any], required: Collection[str]) -> None:
        self._api, self._branch = api, str(about.get("default_branch", "main"))
        self._required = required
        self._variables: frozenset[str] | None = None  # unknown
        self._environments: dict[str, dict[str, Any]] | None = None

    def all(self) -> tuple[tuple[str, Callable[[], Iterator[Finding]]], ...]:
        """Each check by its name; later ones use what earlier ones read."""
        return (
            ("variables", self._check_variables),
            ("environments", self._check_environments),
            ("secrets", self._check_secrets),
            ("labels", self._check_labels),
            ("rules", self._check_rules),
            ("approvals", self._check_approvals),
            ("CODEOWNERS", self._check_owners),
        )

    def _check_variables(self) -> Iterator[Finding]:
        own = self._names("/actions/variables", "variables")
        shared = self._shared("variables")
        self._variables = known = own | shared
        for name in sorted(own - set(expected.VARIABLES)):
            meant = nearest(name, expected.VARIABLES)
            if name.startswith(expected.OURS) and meant:
                yield failed("variables", f"nothing reads {name}", f"did you mean {meant}?")
        if expected.REGISTRY not in known:
            yield passed("variables", f"{expected.REGISTRY} is not set: the workflows rehearse")
        else:
            yield passed("variables", listed(sorted(known & set(expected.VARIABLES)), most=20))

    def _check_environments(self) -> Iterator[Finding]:
        listing = self._api.listing("/environments", "environments")
        self._environments = found = {str(one.get("name")): one for one in listing}
        for name in expected.ENVIRONMENTS:
            check = f"environment {name}"
            one = found.get(name)
            if one is None:
                remedy = f"create it in the settings, for the branch {self._branch} only"
                yield failed(check, "there is none", remedy)
                continue
            yield self._limited(check, name, one)

    def _limited(self, check: str, name: str, one: dict[str, Any]) -> Finding:
        """Protocol: docs.github.com/rest/deployments/environments."""
        policy = one.get("deployment_branch_policy")
        rules = [str(rule.get("type")) for rule in one.get("protection_rules") or ()]
        reviewed = ", with required reviewers" if "required_reviewers" in rules else ""
        remedy = f"limit it to the branch {self._branch}: whoever can push runs what they like"
        if not isinstance(policy, dict):
            return failed(check, "every branch may use it", remedy)
        if policy.get("protected_branches"):
            return passed(check, f"for protected branches only{reviewed}")
        path = f"/environments/{quote(name, safe='')}/deployment-branch-policies"
        branches = [str(b.get("name")) for b in self._api.listing(path, "branch_policies")]
        if branches != [self._branch]:
            return failed(check, f"the branches {listed(branches) or 'none'} may use it", remedy)
        return passed(check, f"for the branch {self._branch} only{reviewed}")

    def _check_secrets(self) -> Iterator[Finding]:
        own = self._names("/actions/secrets", "secrets") | self._shared("secrets")
        of = {"": own} | {name: self._secrets_of(name) for name in expected.ENVIRONMENTS}
        wanted = [one for one in expected.SECRETS if self._is_wanted(one)]
        lacking = [one for one in wanted if one.name not in of[one.environment] | own]
        for place in dict.fromkeys(one.environment for one in lacking):
            names = [one.name for one in lacking if one.environment == place]
            where = f"of the environment {place}" if place else "of the repository"
            yield failed("secrets", f"missing: {listed(names)}", f"make them secrets {where}")
        exposed = sorted({one.name for one in expected.SECRETS if one.environment} & own)
        if exposed:
            yield failed(
                "secrets",
                f"code of pull requests can read {listed(exposed)}",
                "make them secrets of an environment, not of the repository",
            )
        if not (lacking or exposed):
            found = sorted({name for names in of.values() for name in names})
            yield passed("secrets", listed(found, most=20) or "none, and none is needed")

    def _secrets_of(self, environment: str) -> frozenset[str]:
        if self._environments is None:
            raise GitHubDeniedError("the token cannot see which environments there are")
        if environment not in self._environments:
            return frozenset()
        return self._names(f"/environments/{quote(environment, safe='')}/secrets", "secrets")

    def _is_wanted(self, secret: expected.Secret) -> bool:
        known = self._variables or frozenset()
        if secret.optional:
            return False
        return (not secret.needed_by or secret.needed_by in known) and secret.unless not in known

    def _check_labels(self) -> Iterator[Finding]:
        there = {str(one.get("name")).lower() for one in self._api.listing("/labels")}
        missing = [name for name in expected.LABELS if name.lower() not in there]
        if missing:
            remedy = "create them: `gh label create NAME`"
            yield failed("labels", f"missing: {listed(missing, most=20)}", remedy)
        else:
            yield passed("labels", f"all {len(expected.LABELS)} that the workflows use")

    def _check_rules(self) -> Iterator[Finding]:
        """Protocol: docs.github.com/rest/repos/rules, "Get rules for a branch"."""
        branch = quote(self._branch, safe="")
        rules = self._api.listing(f"/rules/branches/{branch}")
        kinds: dict[str, dict[str, Any]] = {}
        for rule in rules:
            kinds.setdefault(str(rule.get("type")), {}).update(rule.get("parameters") or {})
        if not kinds:
            yield self._classic(branch)
            return
        lacking = [kind for kind in ("deletion", "non_fast_forward") if kind not in kinds]
        reviews = kinds.get("pull_request")
        if reviews is None:
            lacking.append("pull_request")
        else:
            lacking += [name for name in _PULL_REQUEST if not reviews.get(name)]
            lacking += ["an approving review"] * (
                not reviews.get("required_approving_review_count")
            )
        if lacking:
            yield failed("rules", f"{self._branch} lacks {listed(lacking, most=9)}", _IMPORT)
        else:
            yield passed("rules", f"{self._branch} takes reviewed pull requests only")
        checks = (kinds.get("required_status_checks") or {}).get("required_status_checks") or ()
        yield self._requires({str(one.get("context")) for one in checks})

    def _requires(self, contexts: set[str]) -> Finding:
        check, missing = "required checks", [one for one in self._required if one not in contexts]
        if missing:
            return failed(check, f"not required: {listed(missing)}", _IMPORT)
        if not contexts:
            return failed(check, "none: what is refused can be merged", _IMPORT)
        return passed(check, listed(sorted(contexts)))

    def _classic(self, branch: str) -> Finding:
        """Protocol: docs.github.com/rest/branches/branches, "Get a branch"."""
        found, _ = self._api.read(f"/branches/{branch}")
        if not found.get("protected"):
            return failed("rules", f"anybody who can write pushes to {self._branch}", _IMPORT)
        return unchecked("rules", f"{self._branch} has classic protection, and no ruleset")

    def _check_approvals(self) -> Iterator[Finding]:
        """Protocol: docs.github.com/rest/actions/permissions."""
        found, _ = self._api.read("/actions/permissions/workflow")
        if found.get("can_approve_pull_request_reviews"):
            yield failed(
                "approvals",
                "workflows may create and approve pull requests",
                "turn it off under Settings → Actions → General: whoever can push approves",
            )
        else:
            yield passed("approvals", "workflows approve no pull request")

    def _check_owners(self) -> Iterator[Finding]:
        """Protocol: docs.github.com/rest/repos/repos, "List CODEOWNERS errors"."""
        try:
            errors = self._api.listing("/codeowners/errors", "errors")
        except GitHubUnseenError:
            remedy = "add .github/CODEOWNERS: rules ask its teams for reviews"
            yield failed("CODEOWNERS", "there is no such file", remedy)
            return
        if errors:
            first = errors[0]
            found = f"line {first.get('line')} of {first.get('path')}: {first.get('kind')}"
            yield failed("CODEOWNERS", found, one_line(first.get("suggestion") or "correct it"))
        else:
            yield passed("CODEOWNERS", "every line names somebody who can write")

    def _names(self, path: str, key: str) -> frozenset[str]:
        return frozenset(str(one.get("name")) for one in self._api.listing(path, key))

    def _shared(self, kind: str) -> frozenset[str]:
        """Those of the organization that this repository is given; none where there is none."""
        try:
            return self._names(f"/actions/organization-{kind}", kind)
        except GitHubDeniedError:
            return frozenset()
