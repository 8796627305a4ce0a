"""A setting that docker-compose.yml forgets cannot be set; a container has what it needs only."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit

from soundalike.settings.names import CHILD_VARIABLES, SECRETS, variable_of
from tests.deploy.compose import DOCKERFILE, compose, image_environment, ours, variables
from tests.source import REPOSITORY

OF_THE_API = {"SOUNDALIKE_HOST", "SOUNDALIKE_API_KEY_FILE"}


def test_every_setting_is_passed_to_every_service() -> None:
    assert len(ours()) == 8
    for name, service in ours().items():
        expected = variables() - (set() if name == "api" else OF_THE_API)
        assert expected - service["environment"].keys() == set(), name


def test_no_variable_is_passed_that_is_no_setting() -> None:
    """A misspelt one stops every program."""
    known = variables() | CHILD_VARIABLES
    for name, service in ours().items():
        given = {each for each in service["environment"] if each.startswith("SOUNDALIKE_")}
        assert given - known == set(), name


def test_secrets_are_files_and_never_variables() -> None:
    for service in compose()["services"].values():
        environment = service.get("environment", {})
        assert environment.keys() & set(map(variable_of, SECRETS)) == set()
        plain = [name for name in environment if re.search(r"PASSWORD$|SECRET_ACCESS_KEY$", name)]
        assert plain == []
        files = {value for name, value in environment.items() if name.endswith("_FILE")}
        granted = {f"/run/secrets/{name}" for name in service.get("secrets", [])}
        assert files <= granted


def test_make_secrets_writes_each_secret_once(tmp_path: Path) -> None:
    script = REPOSITORY / "scripts" / "compose_secrets.py"
    folder = tmp_path / "secrets"
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True)
    named = {Path(each["file"]).name for each in compose()["secrets"].values()}
    assert {file.name for file in folder.iterdir()} == named == compose()["secrets"].keys()
    assert folder.stat().st_mode & 0o777 == 0o700
    password = (folder / "postgres_password").read_text().strip()
    assert f":{password}@postgres/" in (folder / "database_url").read_text()
    assert len((folder / "soundalike_api_key").read_text()) > 30
    milvus = urlsplit((folder / "milvus_url").read_text().strip())
    assert compose()["services"][str(milvus.hostname)]["profiles"] == ["milvus"]
    before = {file: file.read_text() for file in folder.iterdir()}
    again = subprocess.run([sys.executable, script, folder], check=True, capture_output=True)
    assert b"new" not in again.stdout
    assert {file: file.read_text() for file in folder.iterdir()} == before


def test_every_service_is_bounded_and_looked_after() -> None:
    for name, service in compose()["services"].items():
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service["healthcheck"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_our_containers_can_write_to_data_and_tmp_only() -> None:
    for name, service in ours().items():
        assert service["read_only"] is True, name
        assert service["tmpfs"] == ["/tmp"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["init"] is True, name
        writable = [each for each in service["volumes"] if not each.endswith(":ro")]
        assert writable == ["data:/data"], name


def test_the_image_runs_as_a_user_without_rights_whatever_the_target() -> None:
    stages = re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE)
    assert stages == ["wheel", "base", "cuda", "cpu"], "the last one is the default"
    for target in ("cuda", "cpu"):
        stage = DOCKERFILE.partition(f" AS {target}\n")[2].partition("\nFROM ")[0]
        assert re.findall(r"^USER (.*)$", stage, re.MULTILINE) == ["10001:10001"]
    image, given = image_environment(), ours()["runs"]["environment"]
    shared = image.keys() & given.keys()
    assert len(shared) >= 3
    defaults = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", given[name]) for name in shared}
    assert defaults == {name: image[name] for name in shared}


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    lines = re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {word for line in lines for word in line.split() if not word.startswith("--")}
    let_in = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert "soundalike" in copied
    for name in copied:
        assert (REPOSITORY / name).exists(), name
        assert any(
            fnmatch(f"!{name}", line) or f"!{name}".startswith(f"{line}/") for line in let_in
        )
    packaged = {"/opt/soundalike/" + Path(name).name for name in copied}
    commands = " ".join(str(one) for one in compose()["services"].values())
    used = set(re.findall(r"/opt/soundalike/[\w.]+", commands + DOCKERFILE)) - {
        "/opt/soundalike/bin",
        "/opt/soundalike/share",
        "/opt/soundalike/ray",
    }
    assert {"/opt/soundalike/workspace.yaml", "/opt/soundalike/healthy.py"} <= used <= packaged


def test_runs_are_rays_where_its_profile_is_asked_for_and_nowhere_else() -> None:
    """The launcher's folder in the image is that of deploy/ray/dagster.yaml."""
    ray = {name for name, one in ours().items() if one.get("profiles") == ["ray"]}
    assert ray == {"ray-head", "ray-worker"}
    homes = {one["environment"]["DAGSTER_HOME"] for one in ours().values()}
    assert homes == {"/opt/soundalike/${LAUNCHER:-share/soundalike}"}
    assert "COPY deploy/ray/dagster.yaml /opt/soundalike/ray/\n" in DOCKERFILE
    head, worker = (compose()["services"][name]["command"] for name in sorted(ray))
    assert "--num-cpus 0" in head, "no run is the head's"
    [port] = re.findall(r"--port (\d+)", head)
    assert f"--address ray-head:{port}" in worker


def test_the_image_has_the_extras_of_every_profile_but_ray_however_it_is_built() -> None:
    """By Docker alone, or by Docker Compose, whose argument wins."""
    alone = set(re.findall(r"^ARG EXTRAS=(\S+)$", DOCKERFILE, re.MULTILINE))
    composed = re.findall(r"\$\{EXTRAS:-([^}]*)\}", (REPOSITORY / "docker-compose.yml").read_text())
    assert alone == set(composed) == {"s3,otel,milvus"}
