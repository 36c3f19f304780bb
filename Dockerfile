# Two images. The studio (the last target, so the default), with the driver for PostgreSQL:
#   docker build -t radu-studio .
# The server alone, slim (no torch, no streamlit):
#   docker build --target server -t radu-server .
# A machine without a GPU needs no CUDA: --build-arg PIP_EXTRA_INDEX_URL=<torch's index of CPU builds>
# (docs/how-to/install.md).
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${PYTHON_IMAGE} AS base
ENV PYTHONUNBUFFERED=1 PYTHONUTF8=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --create-home --uid 10001 radu
WORKDIR /home/radu

FROM base AS server
COPY requirements-serve.txt constraints.txt /tmp/
RUN pip install --no-cache-dir -r /tmp/requirements-serve.txt -c /tmp/constraints.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --no-deps /wheels/*.whl
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
  ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["radu", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["/bundle"]

FROM base AS studio
ARG PIP_EXTRA_INDEX_URL
COPY requirements.txt constraints.txt /tmp/
RUN pip install --no-cache-dir -r /tmp/requirements.txt -c /tmp/constraints.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --no-deps /wheels/*.whl \
  && install -d -o radu /data
USER 10001
ENV RADU_HOME=/data
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD \
  ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=2)"]
CMD ["radu-studio", "--server.address", "0.0.0.0"]
