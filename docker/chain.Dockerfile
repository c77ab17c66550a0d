# A chain's binary and its libraries on top of exposer's image, out of the chain's own image, or of a directory, which is the
# build's context and is laid over that image (docs/image.md has examples of both).
ARG EXPOSER_IMAGE=exposer
ARG CHAIN_IMAGE=scratch

FROM ${CHAIN_IMAGE} AS chain
COPY . /

FROM ${EXPOSER_IMAGE} AS gathered
USER 0
COPY --from=chain / /image
# Paths from the root of the image or of the directory; several libraries with spaces between them, patterns allowed. A library
# is put where both the glibc and the musl loader look without being told.
ARG CHAIN_BINARY
ARG CHAIN_LIBRARIES=
RUN : "${CHAIN_BINARY:?--build-arg CHAIN_BINARY=PATH is missing: the path of the chain binary}" \
    && mkdir -p /gathered/usr/local/bin /gathered/usr/lib \
    && cd /image && install -m 0755 "./$CHAIN_BINARY" /gathered/usr/local/bin/ \
    && for library in $CHAIN_LIBRARIES; do cp --dereference "./$library" /gathered/usr/lib/ || exit 1; done

FROM ${EXPOSER_IMAGE}
COPY --from=gathered /gathered /
ARG CHAIN_BINARY
LABEL org.opencontainers.image.title="exposer with ${CHAIN_BINARY}"
