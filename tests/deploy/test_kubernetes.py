"""A cluster must run what docker-compose.yml does, with its settings, and with no more rights."""

import json
import re
from typing import Any

import pytest
import yaml

from soundalike.settings.names import CHILD_VARIABLES, SECRETS, variable_of
from tests.deploy.compose import compose, ours, variables
from tests.deploy.kubernetes import BASE, base, camel, files, instance, named, pods
from tests.source import REPOSITORY

OBJECTS = base()
SETTINGS = named(OBJECTS, "ConfigMap")["settings"]["data"]
MOUNTED = "/etc/soundalike/"
# What differs, as Pods share no sockets: the code server's address, and files of the ConfigMap.
ADDRESSES = {
    "--socket /data/dagster/code.sock": "--host 0.0.0.0 --port 4000",
    "/opt/soundalike/workspace.yaml": "/opt/dagster/workspace.yaml",
}


def containers() -> dict[str, Any]:
    return {name: pod["containers"][0] for name, pod in pods(OBJECTS).items()}


def environment(container: dict[str, Any]) -> dict[str, str]:
    own = {each["name"]: each["value"] for each in container.get("env", [])}
    return {**SETTINGS, **own}


def words(command: str | list[str]) -> list[str]:
    return command.split() if isinstance(command, str) else command


def test_images_and_commands_are_those_of_docker_compose() -> None:
    elsewhere = {"runs", "ray-head", "ray-worker"}  # runs are Jobs
    services = {name: one for name, one in ours().items() if name not in elsewhere}
    assert len(services) == 5
    assert containers().keys() == services.keys()
    for name, service in services.items():
        expected = " ".join(words(service["command"]))
        for here, there in ADDRESSES.items():
            expected = expected.replace(here, there)
        container = containers()[name]
        assert container["command"] == expected.split(), name
        assert container["image"] == service["image"], name


def test_every_setting_is_given_or_named_as_unset() -> None:
    text = (BASE / "settings.yaml").read_text()
    unset = set(re.findall(r"\b[A-Z][A-Z_]{4,}\b", "".join(re.findall(r"#.*", text))))
    wanted = variables() | {name for one in ours().values() for name in one["environment"]}
    assert len(wanted) > 50
    assert wanted - unset - SETTINGS.keys() == set()
    assert unset & SETTINGS.keys() == set(), "it is set, and said to be unset"


def test_settings_are_those_of_docker_compose_unless_a_cluster_needs_others() -> None:
    fixed = {
        name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value).rstrip(",")
        for name, value in ours()["api"]["environment"].items()
        if value is not None
    }
    differing = {
        name for name in fixed if environment(containers()["api"]).get(name) != fixed[name]
    }
    in_files = {name for name in fixed if name.endswith("_FILE")}
    of_ray = {name for name in fixed if name.startswith("RAY_")}
    assert differing - in_files - of_ray == {"SOUNDALIKE_RUN_SERVER", "DAGSTER_HOME"}


def test_no_variable_is_given_that_is_no_setting() -> None:
    """A misspelt one stops every program, and so would `SOUNDALIKE_PORT` of a Service's links."""
    for name, pod in pods(OBJECTS).items():
        given = {one for one in environment(containers()[name]) if one.startswith("SOUNDALIKE_")}
        assert given - variables() - CHILD_VARIABLES == set(), name
        assert pod["enableServiceLinks"] is False, name


def test_secrets_are_mounted_files_and_in_no_manifest() -> None:
    assert len(list(files())) > 10
    for file in files():
        text = file.read_text()
        assert "kind: Secret\n" not in text, file
        assert not re.search(r"://[^/\s]*:[^/\s]*@", text), f"{file}: a password in a URL"
        for name in map(variable_of, SECRETS):
            assert not re.search(rf"\b{name}\b", text), f"{file}: {name} is no file"
    for name, container in containers().items():
        named_files = {value for key, value in environment(container).items() if "_FILE" in key}
        [secret] = [
            one["secret"] for one in pods(OBJECTS)[name]["volumes"] if one["name"] == "secrets"
        ]
        granted = {MOUNTED + item["path"] for item in secret["items"]}
        assert named_files == granted, name
        assert {item["key"] for item in secret["items"]} <= compose()["secrets"].keys()
        assert secret["defaultMode"] == 0o440


def test_pods_have_no_rights_and_write_to_data_and_tmp_only() -> None:
    for name, pod in pods(OBJECTS).items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] == 10001, name
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        mounts = container["volumeMounts"]
        writable = {one["mountPath"] for one in mounts if not one.get("readOnly")}
        assert writable == {"/data", "/tmp"}, name
        assert container["resources"]["limits"]["memory"], name
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
        asks = pod["automountServiceAccountToken"]
        assert (
            asks is (pod.get("serviceAccountName") == "launcher") is (name in {"daemon", "dagster"})
        )


def test_runs_have_what_the_pods_have_and_no_more() -> None:
    config = instance()["run_launcher"]["config"]
    run = camel(config["run_k8s_config"])
    pod, container = pods(OBJECTS)["code"], containers()["code"]
    spec = run["podSpecConfig"]
    for field in ("securityContext", "enableServiceLinks", "shareProcessNamespace"):
        assert spec[field] == pod[field], field
    assert spec["automountServiceAccountToken"] is False
    assert run["containerConfig"]["securityContext"] == container["securityContext"]
    assert config["env_config_maps"] == ["settings"]
    assert config["dagster_home"] == SETTINGS["DAGSTER_HOME"]
    context = named(OBJECTS, "ConfigMap")["runs"]["data"]["DAGSTER_CONTAINER_CONTEXT"]
    more = camel(json.loads(context)["k8s"]["run_k8s_config"])
    volumes = spec["volumes"] + more["podSpecConfig"]["volumes"]
    mounts = run["containerConfig"]["volumeMounts"] + more["containerConfig"]["volumeMounts"]

    def by_name(items: list[Any]) -> dict[str, Any]:
        return {one["name"]: one for one in items}

    assert by_name(volumes) == by_name(pod["volumes"])
    assert by_name(mounts) == by_name(container["volumeMounts"])


def test_the_instance_differs_from_the_repositorys_in_the_launcher_only() -> None:
    here, there = instance(), yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    for each in (here, there):
        del each["run_launcher"]
        del each["run_monitoring"]["poll_interval_seconds"]
        del each["run_monitoring"]["start_timeout_seconds"]
    assert here == there


def test_whatever_is_named_exists() -> None:
    generated = yaml.safe_load((BASE / "kustomization.yaml").read_text())["configMapGenerator"]
    maps = named(OBJECTS, "ConfigMap").keys() | {each["name"] for each in generated}
    text = "".join(file.read_text() for file in BASE.rglob("*.yaml"))
    assert set(re.findall(r"(?:configMapRef|configMap): \{name: ([\w-]+)", text)) <= maps
    claims = set(re.findall(r'(?:claimName: |"claim_name": ")([\w-]+)', text))
    assert claims == named(OBJECTS, "PersistentVolumeClaim").keys()
    assert set(re.findall(r"serviceAccountName: ([\w-]+)", text)) == {"launcher"}
    assert named(OBJECTS, "ServiceAccount").keys() == {"launcher"}
    labels = set(pods(OBJECTS))
    assert set(re.findall(r"\bapp: ([\w-]+)", text)) <= labels | {"run"}
    workspace = yaml.safe_load((BASE / "instance" / "workspace.yaml").read_text())
    [server] = workspace["load_from"]
    [port] = named(OBJECTS, "Service")[server["grpc_server"]["host"]]["spec"]["ports"]
    assert port["port"] == server["grpc_server"]["port"] == 4000


def test_the_api_is_replicated_and_asked_whether_it_lives_and_is_ready() -> None:
    api = named(OBJECTS, "Deployment")["api"]["spec"]
    assert api["replicas"] == 2
    container = containers()["api"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert named(OBJECTS, "PodDisruptionBudget")["api"]["spec"]["minAvailable"] == 1
    assert named(OBJECTS, "Service")["api"]["spec"]["selector"] == {"app": "api"}


@pytest.mark.parametrize("name", ["daemon", "code"])
def test_two_daemons_or_code_servers_never_overlap(name: str) -> None:
    deployment = named(OBJECTS, "Deployment")[name]["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
