# exposer's image with what a chain's build takes besides: Go, git, a C compiler and, for its upgrades, cosmovisor. BASE_IMAGE is
# the one that EXPOSER_IMAGE was built on. Where the build's context has a cosmovisor, it is that one (docs/image.md).
ARG EXPOSER_IMAGE=exposer
ARG BASE_IMAGE=python:3.11-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba
ARG GO_IMAGE=golang:1.25-bookworm@sha256:3b4a11519ad929d1e1d261a12cff056f0c85b735253d7d861346b9c6f8b36437

FROM ${GO_IMAGE} AS go

FROM ${BASE_IMAGE} AS tools
RUN { command -v git && command -v cc && command -v make; } >/dev/null || { apt-get update --quiet --quiet \
    && apt-get install --quiet --yes --no-install-recommends gcc git libc6-dev make; }
COPY --from=go /usr/local/go /usr/local/go
RUN rm -rf /usr/local/go/api /usr/local/go/doc /usr/local/go/test
COPY . /context/
RUN install -m 0755 /context/cosmovisor /usr/local/bin/ 2>/dev/null \
    || GOBIN=/usr/local/bin GOPATH=/tmp/go GOCACHE=/tmp/cache /usr/local/go/bin/go install cosmossdk.io/tools/cosmovisor/cmd/cosmovisor@v1.5.0

FROM ${EXPOSER_IMAGE}
COPY --from=tools /usr /usr
COPY --from=tools /etc/alternatives /etc/alternatives
ENV PATH=/opt/exposer/bin:/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin
LABEL org.opencontainers.image.title="exposer with Go, git, a C compiler and cosmovisor"
