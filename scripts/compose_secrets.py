"""Writes the secrets of docker-compose.yml into a folder; files that are there stay as they are.

    python3 scripts/compose_secrets.py [FOLDER]

Only its owner may enter the folder. The files themselves can be read by all, as Docker shows them
to the container's user with the modes that they have here.
"""

import secrets
import sys
from pathlib import Path

BYTES = 24


def main(name: str = "secrets") -> None:
    """Write each file that is missing, and say what it is for."""
    folder = Path(name)
    folder.mkdir(mode=0o700, exist_ok=True)
    password = written(folder / "postgres_password", secrets.token_hex(BYTES))
    url = f"postgresql://soundalike:{password}@postgres/soundalike"
    written(folder / "database_url", url)
    written(folder / "soundalike_api_key", secrets.token_urlsafe(BYTES))
    written(folder / "grafana_password", secrets.token_urlsafe(BYTES))
    written(folder / "ray_token", secrets.token_hex(32))
    written(folder / "alert_url", "")
    written(folder / "aws_credentials", "")
    written(folder / "milvus_url", "http://milvus:19530")
    print(f"The API's key is in {folder / 'soundalike_api_key'}.")
    print("alert_url (a webhook) and aws_credentials (of buckets) may stay empty.")


def written(file: Path, content: str) -> str:
    """Write a secret unless its file is there; return the one that holds."""
    if file.exists():
        return file.read_text().strip()
    file.write_text(f"{content}\n" if content else "")
    file.chmod(0o644)
    print(f"{file}: new")
    return content


if __name__ == "__main__":
    main(*sys.argv[1:])
