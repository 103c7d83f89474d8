# One image for web, worker, beat and simulator; docker-compose.yml says which is which.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONUTF8=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    TZ=Asia/Shanghai PORTAL_HOME=/var/lib/portal

RUN useradd --create-home --uid 1000 portal \
    && install --directory --owner=portal --group=portal --mode=0700 /var/lib/portal

WORKDIR /srv/portal
COPY requirements.lock ./
RUN pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock
COPY . ./

USER portal
VOLUME /var/lib/portal
EXPOSE 8000
ENTRYPOINT ["/srv/portal/docker/entrypoint"]
