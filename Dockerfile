# One image for the API and for Dagster's processes; docker-compose.yml says which runs what.
# Targets: cpu (default), cuda. Not built by us yet: docs/operations.md, "Containers".
FROM python:3.11-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE dagster.yaml workspace.yaml ./
COPY soundalike ./soundalike
COPY pipelines ./pipelines
COPY serving ./serving
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim AS base
RUN useradd --create-home --uid 10001 soundalike \
    && install -d -o 10001 -g 10001 /data \
    && python -m venv /opt/soundalike
ENV PATH=/opt/soundalike/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ENVIRONMENT=production \
    DAGSTER_HOME=/opt/soundalike/share/soundalike \
    SOUNDALIKE_DATA=/data \
    SOUNDALIKE_MODELS=/data/models \
    XDG_STATE_HOME=/data/state
COPY requirements.lock deploy/containers/workspace.yaml deploy/containers/healthy.py /opt/soundalike/
COPY deploy/ray/dagster.yaml /opt/soundalike/ray/
VOLUME /data
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=30s --start-period=2m \
    CMD ["python", "/opt/soundalike/healthy.py", "http://127.0.0.1:8000/health/live"]
CMD ["python", "-m", "serving"]

FROM base AS cuda
ARG EXTRAS=s3,otel,milvus
# PyPI's PyTorch for Linux is the one with CUDA.
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /opt/soundalike/requirements.lock \
        "$(echo /wheels/*.whl)[${EXTRAS},cuda]"
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001

FROM base AS cpu
ARG EXTRAS=s3,otel,milvus
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /opt/soundalike/requirements.lock \
        --extra-index-url https://download.pytorch.org/whl/cpu \
        "$(echo /wheels/*.whl)[${EXTRAS}]"
USER 10001:10001
