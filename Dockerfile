# Leadroom for installations with their own Postgres and Redis; compose.yaml shows how the parts fit.
FROM python:3.11-slim-bookworm

# bubblewrap: the agents' sandbox. git: repositories and merges. openssh-client: SSH remotes and signatures.
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin leadroom \
    && install -d -o leadroom -g leadroom -m 0700 /data

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    LEADROOM_HOME=/data \
    LEADROOM_TOOLCHAIN=/opt/toolbox

WORKDIR /app

# what rarely changes first, so that a change of Leadroom itself rebuilds in seconds
COPY pyproject.toml constraints.txt README.md ./
RUN mkdir leadroom && touch leadroom/__init__.py \
    && pip install --constraint constraints.txt --editable . \
    && python -m venv /opt/toolbox \
    && /opt/toolbox/bin/pip install --constraint constraints.txt pytest

COPY manage.py ./
COPY leadroom leadroom
COPY templates templates
COPY static static
COPY skills skills

USER leadroom
VOLUME /data
EXPOSE 8000

# LEADROOM_PUBLIC_URL (https) and one user with a password are needed before web listens on all addresses
ENV LEADROOM_HOST=0.0.0.0
CMD ["python", "manage.py", "serve", "web"]
