"""What in a text is a secret: detect-secrets' own detectors, under a policy for images.

An image is mostly packages that others have published, full of hashes, example keys and data. So
three questions are asked of three kinds of places:

- Everywhere: is there a private key, in base64 as well, or a token that its issuer gave a form of
  its own?
- Outside packages and the system's folders, moreover: is there a password by its name or in an
  address, or a token of a form that other things have as well?
- In the model's, the server's and the image's own settings and code, moreover: is there a string
  that looks random?

Nothing that is found is kept, printed or sent anywhere: detect-secrets can ask an issuer whether a
token is valid, and is not told to.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CONFIG = "config"  # the folder of what is in no layer: environment, labels, history
_RANDOM_IN = ("model", "serving", CONFIG)
_SYSTEM = frozenset({"venv", "bytecode", "usr", "lib", "lib32", "lib64", "bin", "sbin", "var"})
# of settings and code, not of data: a vocabulary or a sample is full of words that look random
_WRITTEN = frozenset({"", ".py", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".sh"})
_KEY = "PrivateKeyDetector"
_FORMATS = (
    *("AWSKeyDetector", "AzureStorageKeyDetector", "GitHubTokenDetector", "GitLabTokenDetector"),
    *("JwtTokenDetector", "OpenAIDetector", "PypiTokenDetector", "SendGridDetector"),
    *("SlackDetector", "SquareOAuthDetector", "StripeDetector", _KEY),
)
_ADDRESSES = ("BasicAuthDetector", "NpmDetector", "ArtifactoryDetector")
_NAMES = (
    *_ADDRESSES,
    *("KeywordDetector", "CloudantDetector", "DiscordBotTokenDetector", "IbmCloudIamDetector"),
    *("IbmCosHmacDetector", "MailchimpDetector", "SoftlayerDetector", "TelegramBotTokenDetector"),
    "TwilioKeyDetector",
)
_RANDOM = ("Base64HighEntropyString",)
_HEXADECIMAL = ("HexHighEntropyString",)

# issuers whose tokens detect-secrets 1.5 does not know, as their documentation describes them
_MORE = (
    ("GitHub fine-grained token", re.compile(r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}")),
    ("Google API key", re.compile(r"AIza[A-Za-z0-9_-]{35}")),
    ("Hugging Face token", re.compile(r"hf_[A-Za-z0-9]{34}")),
    ("Databricks token", re.compile(r"dapi[0-9a-f]{32}(?:-\d)?")),
)
# a token begins and ends a word; \n and its like, in a string's source, are no part of one
_BEFORE = re.compile(r"(?:\A|[^A-Za-z0-9]|\\[nrt])\Z")
_AFTER = re.compile(r"[A-Za-z0-9_]")
# source: RFC 7468 (the dashes, then base64), RFC 1421 (headers between); in source code lines are
# ended by \n and joined by quotes. Code that only speaks of keys has no such body
_GAP = r"""(?:\\[nrt]|[\s"'+,\\])*"""
_BODY = re.compile(
    rf"(?: BLOCK)?-----{_GAP}(?:[A-Z][A-Za-z-]+: [^\n\\]{{0,100}}(?:\n|\\n){_GAP}){{0,4}}"
    r"[A-Za-z0-9+/=]{40}"
)
_URL_SAFE = str.maketrans("-_", "+/")
_PEM, _LETTER = b"PRIVATE KEY", "A-Za-z0-9+/"
_IN_BASE64, _IN_DER = "Private Key in base64", "Private Key in base64 (DER)"
_LINE_ENDS = re.compile(r"""(?:\\[nrt]|[\s"'\\])*""")  # also of a string's source
_READ = 600  # letters of base64: more than a key's head with its headers
# source: RFC 5958 and RFC 8017 in DER: a version, then an algorithm's number or a modulus' length;
# a public key has no version
_DER = re.compile(
    rf"(?<![{_LETTER}])(?:"
    rf"MII[{_LETTER}]{{3}}IB(?:ADANBgkqhkiG9w0BAQEFAASC|AAKCA[QYg]EA)"  # RSA
    rf"|MI[{_LETTER}]{{2}}AgEAMB[MA]GByqGSM49AgEG"  # elliptic curves
    r"|MC4CAQAwBQYDK2V[wu]BCIEI"  # Ed25519, X25519
    rf")[{_LETTER}]{{30}}"
)
# each is in some of the above; they are looked for first, as that takes a hundredth of the time
_DER_PARTS = ("BgkqhkiG9w0BAQEFAASC", "IBAAKCA", "GByqGSM49AgEG", "MC4CAQAwBQYDK2V")
_IN_PEM = re.compile(rf"-----{_GAP}\Z")
_PUTTY = re.compile(r"[\s\S]{0,4000}Private-Lines:")
# whose contents have no names or forms that could be looked for
_CREDENTIALS = re.compile(r"(?:^|/)(?:[._]netrc|\.pgpass|\.dockercfg|\.docker/config\.json)$")
# PASSWORD_FILE=/run/secrets/password, SECRETS_ENABLED=true
_HARMLESS = re.compile(r"(?:/[\w.-]+){2,}|true|false|yes|no|none|null|\d{1,3}", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Hit:
    """A place in a text: its line, from 1, and what it looks like."""

    line: int
    kind: str


def formats(text: str) -> Iterator[Hit]:
    """The tokens and keys in a text that are known by their form."""
    for kind, pattern, detector in _patterns():
        for match in pattern.finditer(text):
            if _whole(text, match) and _real(text, match, detector):
                yield _hit(text, match.start(), kind)
    for at in _encoded(text):
        yield _hit(text, at, _IN_BASE64)
    if any(part in text for part in _DER_PARTS):
        for match in _DER.finditer(text):
            if not _IN_PEM.search(text, max(0, match.start() - 40), match.start()):
                yield _hit(text, match.start(), _IN_DER)


def _hit(text: str, at: int, kind: str) -> Hit:
    return Hit(line=text.count("\n", 0, at) + 1, kind=kind)


def _encoded(text: str) -> Iterator[int]:
    """Where keys with their dashes lie in base64, as Kubernetes' secrets and variables have them.

    Three letters of base64 are not those of their bytes alone: what stands before a key moves it,
    and so there are three texts to look for, each with how far it is from the next group of four.
    """
    for before in range(3):
        letters = base64.b64encode(bytes(before) + _PEM).decode()
        first = -(-before * 4 // 3)  # letters that hold bits of what stands before
        wanted = letters[first : (before + len(_PEM)) * 4 // 3]
        at = text.find(wanted)
        while at >= 0:
            group = _LINE_ENDS.sub("", text[at : at + _READ])
            whole = re.match(rf"[{_LETTER}_-]*", "A" * first + group)
            assert whole is not None
            found = whole[0].translate(_URL_SAFE)
            content = base64.b64decode(found[: len(found) // 4 * 4])[before + len(_PEM) :]
            if _BODY.match(content.decode("latin-1")):
                yield at
            at = text.find(wanted, at + 1)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], Any], ...]:
    from detect_secrets.core.plugins import initialize

    known: list[Any] = [initialize.from_plugin_classname(name) for name in _FORMATS]
    theirs = [(one.secret_type, pattern, one) for one in known for pattern in one.denylist]
    return (*theirs, *((kind, pattern, None) for kind, pattern in _MORE))


def _whole(text: str, match: re.Match[str]) -> bool:
    """Whether a match is a word of its own, where its pattern spells a token and no name."""
    if match.re.flags & re.IGNORECASE:
        return True
    before = _BEFORE.search(text[max(0, match.start() - 2) : match.start()])
    # the pattern of three parts with dots between ends as soon as it can
    return bool(before) and ("." in match.group() or not _AFTER.match(text, match.end()))


def _real(text: str, match: re.Match[str], detector: Any) -> bool:
    if type(detector).__name__ == _KEY:
        rest = _PUTTY if match.group().startswith("PuTTY") else _BODY
        return rest.match(text, match.end()) is not None
    if match.group().endswith("EXAMPLE"):  # the keys of AWS's own documentation
        return False
    return detector is None or any(detector.analyze_string(match.group()))


def named(path: str) -> Iterator[Hit]:
    """What a file must hold by its name alone, unless it is empty."""
    if _CREDENTIALS.search(path):
        yield Hit(line=1, kind="Credentials File")


def of_interest(path: str) -> bool:
    """Whether a file is to be searched for more than known forms."""
    return bool(_detectors(path))


def _detectors(path: str) -> tuple[str, ...]:
    """The detectors for a path, from the root of the image, beyond those of known forms."""
    top, suffix = path.split("/", maxsplit=1)[0], PurePosixPath(path).suffix
    if top in _SYSTEM:
        return ()
    if top == "etc":
        return _ADDRESSES
    if top not in _RANDOM_IN or suffix not in _WRITTEN:
        return _NAMES
    # environment and labels are full of digests
    return (*_NAMES, *_RANDOM) if top == CONFIG else (*_NAMES, *_RANDOM, *_HEXADECIMAL)


def others(files: Iterable[tuple[str, Path]]) -> Iterator[tuple[Path, Hit]]:
    """What files hold beyond known forms.

    Args:
        files: each path in the image, with where a copy of it lies.

    Returns:
        Each copy with what it holds.
    """
    from detect_secrets.core import scan
    from detect_secrets.settings import transient_settings

    grouped: dict[tuple[str, ...], list[Path]] = {}
    for path, copy in files:
        grouped.setdefault(_detectors(path), []).append(copy)
    for names, same in grouped.items():
        with transient_settings({"plugins_used": [{"name": name} for name in names]}):
            for copy in same:
                for found in scan.scan_file(str(copy)):
                    if not _HARMLESS.fullmatch(found.secret_value or ""):
                        yield copy, Hit(line=found.line_number, kind=found.type)
