# OCW for months: node, dashboard and alerts under one supervisor, all state on the volume /data.
# `make test-image` runs every step of this file in clean roots.

FROM python:3.13-slim-bookworm AS build
COPY requirements-runtime.lock requirements-build.lock /src/
# wheels only, each checked against its hash: nothing is compiled, nothing else is fetched
RUN python -m venv --without-pip /opt/ocw \
    && python -m venv --without-pip /opt/builder \
    && install() { \
         python -m pip --python "/opt/$1/bin/python" install --quiet --no-cache-dir --no-compile \
           --no-deps --only-binary :all: --require-hashes -r "/src/requirements-$2.lock"; } \
    && install ocw runtime \
    && install builder build
# the libraries' own tests, and what only a compiler reads
RUN find /opt/ocw -depth \( -type d -name tests -o -type f -name '*.pyi' -o -type f -name '*.pxd' \
       -o -type f -name '*.h' -o -type f -name '*.hpp' \) -exec rm -rf {} +
COPY pyproject.toml README.md LICENSE /src/
COPY ocw_strategy /src/ocw_strategy
RUN cd /src && /opt/builder/bin/python -m hatchling build -t wheel -d /src/wheel \
    && python -m pip --python /opt/ocw/bin/python install --quiet --no-compile --no-deps --no-index \
       /src/wheel/*.whl \
    && python -m compileall -q -j 0 /opt/ocw/lib \
    && /opt/ocw/bin/ocw --help > /dev/null

FROM python:3.13-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TZ=UTC LANG=C.UTF-8
RUN groupadd --gid 10001 ocw \
    && useradd --uid 10001 --gid ocw --no-create-home --home-dir /data --shell /usr/sbin/nologin ocw \
    && mkdir -p /app/configs /data \
    && for each in live runs catalog; do ln -s "/data/$each" "/app/$each"; done \
    && chown ocw:ocw /data
COPY --from=build /opt/ocw /opt/ocw
COPY configs /app/configs
COPY --chmod=755 docs/deploy/ocw /usr/local/bin/ocw
WORKDIR /app
VOLUME /data
EXPOSE 8080 8081
# the node's own word: 200 only while it runs, its heart beats and nothing is wrong
HEALTHCHECK --interval=30s --timeout=5s --start-period=180s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8081/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["ocw"]
CMD ["serve", "configs/demo.toml", "--set", "live.health_host=0.0.0.0", "--set", "serve.dashboard_host=0.0.0.0"]
