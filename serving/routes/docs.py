"""The pages for people: the interactive documentation, from files of a package, and its address."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

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


@router.get("/docs/swagger-ui-bundle.js")
async def get_script() -> FileResponse:
    """Return Swagger UI's program."""
    return FileResponse(SWAGGER_UI / "swagger-ui-bundle.js")


@router.get("/docs/swagger-ui.css")
async def get_style() -> FileResponse:
    """Return Swagger UI's style sheet."""
    return FileResponse(SWAGGER_UI / "swagger-ui.css")


@router.get("/docs/favicon-32x32.png")
async def get_icon() -> FileResponse:
    """Return the page's icon."""
    return FileResponse(SWAGGER_UI / "favicon-32x32.png")
