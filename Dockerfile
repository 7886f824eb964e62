# OCW for months: node, dashboard and alerts under one supervisor, all state on the volume /data.
# `make test-image` runs every step of this file in clean roots.

FROM python:3.13-slim-bookworm AS build
COPY requirements-runtime.lock /tmp/requirements.lock
# wheels only, each checked against its hash: nothing is compiled, nothing else is fetched
RUN python -m venv --without-pip /opt/ocw \
    && python -m pip --python /opt/ocw/bin/python install --quiet --no-cache-dir --no-compile --no-deps \
       --only-binary :all: --require-hashes -r /tmp/requirements.lock
# the libraries' own tests, and what only a compiler reads
RUN find /opt/ocw -depth \( -type d -name tests -o -type f -name '*.pyi' -o -type f -name '*.pxd' \
       -o -type f -name '*.h' -o -type f -name '*.hpp' \) -exec rm -rf {} + \
    && find /opt/ocw -type d -name __pycache__ -prune -exec rm -rf {} +
COPY ocw_strategy /opt/ocw/lib/python3.13/site-packages/ocw_strategy
RUN find /opt/ocw -type d -name __pycache__ -prune -exec rm -rf {} + \
    && python -m compileall -q -j 0 /opt/ocw/lib \
    && /opt/ocw/bin/python -m ocw_strategy.cli --help > /dev/null

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
