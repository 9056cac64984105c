"""The files of a commit through GitHub's API: models.yaml, and what it includes.

Protocol: docs.github.com/rest: "Get repository content", "Get a tree"; docs.github.com/graphql,
"Blob". GraphQL answers for a hundred files at once; what it has no text of, REST has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlgitops.errors import GitHubError, GitHubTruncatedError
from mlgitops.file.texts import among
from mlgitops.github.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlgitops.file.texts import Texts

_RAW = {"Accept": "application/vnd.github.raw+json"}
_AT_ONCE = 100  # files in one query
_QUERY = """\
query($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {%s}
}"""


class Files(Rest):
    """What a repository on GitHub has in a commit."""

    def file(self, path: str, commit: str) -> str:
        """The text of a file in a commit, of up to 100 MB.

        Raises:
            GitHubError: there is none, or it is not UTF-8.
        """
        url = self._url(f"/contents/{quote(path)}")
        answer = self._request("GET", url, query={"ref": commit}, headers=_RAW)
        try:
            return answer.body.decode()
        except UnicodeDecodeError as error:
            raise GitHubError(f"{path} is not UTF-8 text; save it as UTF-8") from error

    def declared(self, path: str, commit: str) -> Texts:
        """The texts of models.yaml in a commit, and of what it includes.

        Raises:
            DesiredStateError: it includes files and is not YAML.
            GitHubError: they cannot be read.
        """
        folder = path.rpartition("/")[0] + "/" if "/" in path else ""
        there: dict[str, str | None] = {}

        def paths(patterns: Sequence[object]) -> list[str]:
            if patterns:
                there.update(self._tree(commit, folder))
            return list(there)

        def texts(wanted: Sequence[str]) -> dict[str, str | None]:
            blobs = {one: blob for one in wanted if (blob := there[one])}
            said = self._texts(list(blobs.values()))
            found: dict[str, str | None] = dict.fromkeys(wanted)
            for one, blob in blobs.items():
                text = said.get(blob)
                found[one] = self.file(folder + one, commit) if text is None else text
            return found

        text = self.file(path, commit)
        return among(
            text,
            path,
            own=path.removeprefix(folder),
            paths=paths,
            texts=texts,
            name=lambda one: folder + one,
        )

    def _tree(self, commit: str, folder: str) -> Iterator[tuple[str, str | None]]:
        """The files of a folder by path from there; None for links."""
        found = self._json("GET", f"/git/trees/{commit}?recursive=1")
        if found.get("truncated"):
            raise GitHubTruncatedError(
                "GitHub's API does not list all files of a repository as large as this one; edit "
                "models.yaml in a clone, or let it include no files"
            )
        for one in found.get("tree") or ():
            path = str(one["path"])
            if one.get("type") == "blob" and path.startswith(folder):
                is_file = str(one.get("mode")).startswith("100")
                yield path.removeprefix(folder), str(one["sha"]) if is_file else None

    def _texts(self, blobs: Sequence[str]) -> Mapping[str, str]:
        """The texts of blobs, as far as GraphQL tells them whole."""
        owner, _, name = self._context.repository.partition("/")
        found: dict[str, str] = {}
        for begin in range(0, len(blobs), _AT_ONCE):
            some = blobs[begin : begin + _AT_ONCE]
            asked = " ".join(
                f'b{n}: object(oid: "{blob}") {{... on Blob {{text isTruncated}}}}'
                for n, blob in enumerate(some)
            )
            body = {"query": _QUERY % asked, "variables": {"owner": owner, "name": name}}
            answer: Any = self._json("POST", self._context.graphql, body)
            data = (answer.get("data") or {}) if isinstance(answer, dict) else {}
            said = data.get("repository") or {}
            for n, blob in enumerate(some):
                one = said.get(f"b{n}") or {}
                if isinstance(one.get("text"), str) and not one.get("isTruncated"):
                    found[blob] = one["text"]
        return found
