# One image for Dagster's processes and for the API; docker-compose.yml says which runs what.
# Not yet built or run by us: see docs/operations.md, "Containers".
FROM python:3.11-slim AS base

RUN useradd --create-home --uid 10001 soundalike \
    && install -d -o soundalike -g soundalike /app /data
WORKDIR /app

COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY soundalike ./soundalike
COPY pipelines ./pipelines
COPY serving ./serving
COPY dagster.yaml workspace.yaml ./
RUN pip install --no-cache-dir --constraint requirements.lock --editable '.[s3]'

USER soundalike
ENV DAGSTER_HOME=/app SOUNDALIKE_DATA=/data SOUNDALIKE_MODELS=/data/models ENVIRONMENT=production
VOLUME /data
