"""The pages for people: the interactive documentation, from files of a package, and its address."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from serving.static_files import answering

router = APIRouter(include_in_schema=False)

OPENAPI_PATH = "/openapi.json"
SWAGGER_UI = Path(str(files("fastapi_swagger") / "resources"))
PARAMETERS = {
    "displayRequestDuration": True,
    "filter": True,
    "persistAuthorization": True,
    "validatorUrl": None,  # by default the page asks a server on the internet
}


@router.get("/docs")
async def show_docs(request: Request) -> HTMLResponse:
    """Show the documentation; its Authorize button takes the API key."""
    root = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=root + OPENAPI_PATH,
        title="soundalike API",
        swagger_js_url=f"{root}/docs/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/docs/swagger-ui.css",
        swagger_favicon_url=f"{root}/docs/favicon-32x32.png",
        swagger_ui_parameters=PARAMETERS,
    )


for _name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
    router.add_api_route(f"/docs/{_name}", answering(SWAGGER_UI / _name), name=f"docs/{_name}")
