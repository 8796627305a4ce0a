"""What kustomize makes of the overlays, and dagster-k8s of a run, Kubernetes must know."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from pipelines.orphaned_runs import fail_orphaned_runs
from tests.deploy.kubernetes import OVERLAYS, documents, instance, named, pods, rendered, tool

pytestmark = pytest.mark.slow
FOLDERS = ["base", *(f"overlays/{name}" for name in OVERLAYS)]
IMAGE = "soundalike:local"


def invalid(file: Path) -> str:
    """What Kubernetes' schemas say against the objects of a file."""
    command = [tool("kubernetes-validate"), "--strict", "--quiet", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (not done.stdout + done.stderr)
    return done.stdout + done.stderr


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_overlay_is_built_and_valid(folder: str, tmp_path: Path) -> None:
    text = rendered(folder)
    assert len(documents(text)) > 15
    (tmp_path / "objects.yaml").write_text(text)
    assert invalid(tmp_path / "objects.yaml") == ""
    (tmp_path / "misspelt.yaml").write_text(text.replace("replicas: 2", "replicaz: 2"))
    assert "replicaz" in invalid(tmp_path / "misspelt.yaml")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_overlay_is_whole(folder: str) -> None:
    objects = documents(rendered(folder))
    assert {each["metadata"]["namespace"] for each in objects} == {"soundalike"}
    files = named(objects, "ConfigMap")["dagster"]["data"]
    assert files.keys() == {"dagster.yaml", "workspace.yaml"}
    claims = named(objects, "PersistentVolumeClaim").keys()
    for pod in pods(objects).values():
        volumes = {each["name"]: each for each in pod["volumes"]}
        [container] = pod["containers"]
        templates = {"postgres"}
        assert {each["name"] for each in container["volumeMounts"]} - volumes.keys() <= templates
        wanted = {
            each["persistentVolumeClaim"]["claimName"]
            for each in volumes.values()
            if "persistentVolumeClaim" in each
        }
        assert wanted <= claims
    context = named(objects, "ConfigMap")["runs"]["data"]["DAGSTER_CONTAINER_CONTEXT"]
    assert ("music" in claims) == ('"claim_name": "music"' in context)


@pytest.mark.parametrize(
    ("folder", "image"), [("base", IMAGE), ("overlays/gpu", "soundalike:cuda")]
)
def test_runs_have_the_image_of_the_code_server(folder: str, image: str) -> None:
    [container] = pods(documents(rendered(folder)))["code"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    assert container["image"] == given["DAGSTER_CURRENT_IMAGE"] == image


def test_an_api_that_serves_from_a_bucket_shares_no_disk() -> None:
    found = pods(documents(rendered("overlays/bucket")))
    sharing = {
        name
        for name, pod in found.items()
        if any("persistentVolumeClaim" in volume for volume in pod["volumes"])
    }
    assert sharing == found.keys() - {"api"}


class Cluster(ThreadingHTTPServer):
    """The API of Kubernetes' Jobs, as far as the launcher asks it: it keeps what it is given."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Request)


class _Request(BaseHTTPRequestHandler):
    server: Cluster

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.jobs.append({**job, "path": self.path})
        self._answer(job)

    def do_GET(self) -> None:
        name = self.path.rstrip("/").removesuffix("/status").rpartition("/")[2]
        [job] = [each for each in self.server.jobs if each["metadata"]["name"] == name]
        self._answer({**job, "status": {"active": 1}})

    def _answer(self, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    pytest.importorskip("dagster_k8s", reason="pip install 'soundalike[k8s]'")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Cluster() as started:
        Thread(target=started.serve_forever, daemon=True).start()
        here = {"server": f"http://127.0.0.1:{started.server_port}"}
        config = {
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": here}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
            "users": [{"name": "here", "user": {}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        yield started
        started.shutdown()


@contextmanager
def launched(folder: str, tmp_path: Path) -> Iterator[tuple[dg.DagsterInstance, dg.DagsterRun]]:
    """A run that the launcher of the cluster's dagster.yaml has launched."""
    launcher = instance()["run_launcher"]
    kubeconfig = str(tmp_path / "kubeconfig")
    launcher["config"] |= {"load_incluster_config": False, "kubeconfig_file": kubeconfig}
    runs = named(documents(rendered(folder)), "ConfigMap")["runs"]["data"]
    repository = RepositoryPythonOrigin(
        executable_path="/opt/soundalike/bin/python",
        code_pointer=ModuleCodePointer("pipelines.definitions", "defs"),
        container_image=IMAGE,
        container_context=json.loads(runs["DAGSTER_CONTAINER_CONTEXT"]),
    )
    with dg.instance_for_test({"run_launcher": launcher}) as opened:
        run = opened.create_run_for_job(
            dg.GraphDefinition(name="nothing").to_job(),
            status=dg.DagsterRunStatus.STARTED,
            job_code_origin=JobPythonOrigin("nothing", repository),
        )
        opened.run_launcher.launch_run(LaunchRunContext(run, None))
        yield opened, run


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_run_is_a_valid_job(cluster: Cluster, folder: str, tmp_path: Path) -> None:
    with launched(folder, tmp_path):
        [job] = cluster.jobs
    assert job.pop("path").endswith("/namespaces/soundalike/jobs")
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    assert invalid(tmp_path / "job.yaml") == ""
    pod = job["spec"]["template"]
    assert pod["metadata"]["labels"]["app"] == "run"
    assert pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "soundalike"
    [container] = pod["spec"]["containers"]
    assert container["image"] == IMAGE
    assert "execute_run" in container["args"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]["memory"] == "6Gi"
    assert ("nvidia.com/gpu" in container["resources"]["limits"]) == ("gpu" in folder)
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    assert {"/data", "/tmp", "/etc/soundalike", "/opt/dagster"} <= mounted
    assert ("/music" in mounted) == ("bucket" not in folder)
    volumes = {each["name"] for each in pod["spec"]["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes


def test_a_jobs_run_is_left_alone_and_known_to_live(cluster: Cluster, tmp_path: Path) -> None:
    with launched("base", tmp_path) as (opened, run):
        launcher: RunLauncher[dg.DagsterInstance] = opened.run_launcher
        assert fail_orphaned_runs(opened, background=True, foreground=True) == 0
        assert launcher.check_run_worker_health(run).status.name == "RUNNING"
