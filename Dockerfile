# One image for the server, the controller and the command line. BASE is any image with Python 3.11 or later and its
# venv module; both stages use it, so that compiled packages meet the Python that they were made for.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
# pip and the build backend stay behind in an environment of their own.
RUN python3 -m venv /build/tools && python3 -m venv --without-pip /opt/batchwarden
COPY requirements.txt requirements-build.txt ./
RUN tools/bin/pip install --no-compile --require-hashes --requirement requirements-build.txt \
    && tools/bin/pip --python /opt/batchwarden/bin/python install --no-compile --require-hashes \
       --requirement requirements.txt \
    # The asynchronous twin of the Kubernetes client is a third of all that is installed, and nothing here imports it.
    && rm -r /opt/batchwarden/lib/python3*/site-packages/kubernetes/aio
COPY pyproject.toml README.md LICENSE ./
COPY certs certs
COPY policies policies
COPY webhook webhook
# Bytecode that is valid by itself needs no write at run time, and is the same in each build.
RUN tools/bin/python -m hatchling build --target wheel \
    && tools/bin/pip --python /opt/batchwarden/bin/python install --no-compile --no-deps dist/*.whl \
    && /opt/batchwarden/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/batchwarden/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="Batchwarden" \
      org.opencontainers.image.description="Admission policies for Kubernetes Jobs and CronJobs" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/batchwarden /opt/batchwarden
ENV PATH=/opt/batchwarden/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# By number, so that Kubernetes can tell that it is not root: runAsNonRoot.
USER 65532:65532
WORKDIR /tmp
EXPOSE 8443 8081
# Kubernetes has probes of its own; this is for those who run the server by itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8081/livez', timeout=2)"]
ENTRYPOINT ["batchwarden"]
