# One image for every process; the command picks it: python -m bridge, python -m streams worker, python -m api, bluflow …
# Packages come from requirements-image.lock, with hashes: what requirements.lock has, without the tools of development.

FROM python:3.11.14-slim-bookworm AS packages
# Wheels on x86-64; elsewhere (arm64) faust-streaming is built from its source, which needs a compiler, in this stage only.
# hadolint ignore=DL3008
RUN if [ "$(dpkg --print-architecture)" != amd64 ]; then \
        apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*; \
    fi
COPY requirements-image.lock /
RUN if [ "$(dpkg --print-architecture)" = amd64 ]; then export PIP_ONLY_BINARY=:all:; fi; \
    python -m venv /venv && \
    /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements-image.lock

FROM python:3.11.14-slim-bookworm
COPY --from=packages /venv /venv
WORKDIR /app
COPY pyproject.toml ./
COPY scripts/healthy.py scripts/
COPY schemas schemas
COPY runtime runtime
COPY history history
COPY bridge bridge
COPY streams streams
COPY api api
COPY shelly shelly
COPY cli cli
# A path entry, as scripts/venv.sh makes it: nothing is built. Bytecode is made now, the file system is read-only later.
RUN echo /app > /venv/lib/python3.11/site-packages/bluflow.pth && \
    printf '#!/bin/sh\nexec /venv/bin/python -P -m cli "$@"\n' > /venv/bin/bluflow && chmod 755 /venv/bin/bluflow && \
    /venv/bin/python -m compileall -q /app && \
    groupadd --gid 1000 bluflow && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /data bluflow && \
    install -d -o bluflow -g bluflow -m 0750 /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BLUFLOW_DATA=/data BLUFLOW_LOG_FORMAT=json
USER 1000:1000
WORKDIR /data
CMD ["bluflow", "--help"]
