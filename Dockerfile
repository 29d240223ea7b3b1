# f5d in a container; docs/containers.md says how to build and run it.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
# Which torch: cpu (1 GB), cuda (the package index's own build, 7 GB), or uv's name of another: cu126, cu128, ...
ARG TORCH=cpu
# Which extra of the package: engine, or full.
ARG EXTRA=engine
# Compiled now: a container's user, or a read-only one, could not keep what Python compiles at each start.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
COPY constraints.txt /src/
RUN python -m venv --without-pip /opt/f5d && pip install -c /src/constraints.txt uv
# A layer of its own, which a change of f5d leaves in the builder's cache.
RUN [ "$TORCH" = cuda ] || export UV_TORCH_BACKEND="$TORCH"; \
    uv pip install --python /opt/f5d/bin/python -c /src/constraints.txt torch torchaudio
COPY pyproject.toml README.md LICENSE /src/
COPY systemd /src/systemd
COPY f5ctl /src/f5ctl
COPY f5d /src/f5d
RUN [ "$TORCH" = cuda ] || export UV_TORCH_BACKEND="$TORCH"; \
    pip wheel --no-deps --wheel-dir /src/wheels /src && \
    uv pip install --python /opt/f5d/bin/python -c /src/constraints.txt "$(echo /src/wheels/*.whl)[$EXTRA]"

FROM python:${PYTHON}-slim
COPY --from=build /opt/f5d /opt/f5d
# With --user another number takes the place of this one, and folders of its own that of these.
RUN useradd --uid 10001 --home-dir /models --no-create-home f5d && \
    install -d -o f5d -g f5d -m 0700 /run/f5d /models
ENV PATH=/opt/f5d/bin:$PATH F5D_SOCKET=/run/f5d/f5d.sock HF_HOME=/models
VOLUME ["/run/f5d", "/models"]
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD f5ctl status >/dev/null || exit 1
ENTRYPOINT ["f5d"]
CMD ["serve"]
