# hadolint global ignore=DL3059
# (DL3059 asks for RUN lines joined by a shell: these have none, and only the second stage ships.)

# The gateway's image. BASE needs Python 3.11 or newer with venv; both stages use the same, so that what is
# built is what runs. docs/image.md says how it is built, also without a container engine.
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE} AS build
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONHASHSEED=0
RUN ["python3", "-m", "venv", "/opt/build"]
RUN ["python3", "-m", "venv", "--without-pip", "/opt/gateway"]
COPY requirements/runtime.txt requirements/build.txt /src/requirements/
RUN ["/opt/build/bin/python", "-m", "pip", "--python", "/opt/gateway", "install", "--no-compile", \
     "--require-hashes", "--only-binary=:all:", "-r", "/src/requirements/runtime.txt"]
RUN ["/opt/build/bin/python", "-m", "pip", "install", "--require-hashes", "--only-binary=:all:", \
     "-r", "/src/requirements/build.txt"]
COPY pyproject.toml README.md LICENSE NOTICE /src/
COPY gateway /src/gateway
RUN ["/opt/build/bin/python", "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", \
     "--wheel-dir", "/src/dist", "/src"]
RUN ["/opt/build/bin/python", "-m", "pip", "--python", "/opt/gateway", "install", "--no-compile", \
     "--no-deps", "--no-index", "--find-links", "/src/dist", "evolux-gateway"]
# Byte code that no clock can invalidate: the file system is read-only at run time. All of it anew (-f): pip runs in
# this environment and leaves byte code of its own, with times in it, of what it imports there.
RUN ["/opt/gateway/bin/python", "-m", "compileall", "-q", "-f", "-j", "0", "--invalidation-mode", \
     "unchecked-hash", "/opt/gateway/lib"]
COPY scripts/settle_times.py /src/
RUN ["python3", "/src/settle_times.py", "/opt/gateway"]

# checkov:skip=CKV_DOCKER_7: the base is an argument whose default has a tag; a release gives it by digest
FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="evolux-gateway" \
      org.opencontainers.image.description="One GraphQL and REST gateway in front of Evolux call centres" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/opt/gateway/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["/opt/gateway/bin/gateway"]
CMD ["serve", "--config", "/etc/gateway/gateway.toml", "--host", "0.0.0.0"]
