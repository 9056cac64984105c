"""Serve a folder as an S3 store: the bucket of STACK_ARTIFACTS, with the keys of the secret."""

import configparser
import os
from pathlib import Path
from urllib.parse import urlsplit

_CREDENTIALS = Path("/run/secrets/s3_credentials")
_FOLDER = Path("/data")


def main() -> None:
    """Make the bucket and become the server."""
    bucket = urlsplit(os.environ["STACK_ARTIFACTS"]).netloc
    (_FOLDER / bucket).mkdir(exist_ok=True)
    credentials = configparser.ConfigParser(interpolation=None)
    credentials.read_string(_CREDENTIALS.read_text())
    keys = credentials["default"]
    # the variable is read as a CSV line of pairs, and a pair holds a comma
    pair = f'"{keys["aws_access_key_id"]},{keys["aws_secret_access_key"]}"'
    command = ["rclone", "serve", "s3", "--config=", "--addr=:9000", str(_FOLDER)]
    environment = os.environ | {"RCLONE_AUTH_KEY": pair}
    os.execvpe(command[0], command, environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
