# debian:bookworm-slim, of the packages that the context has for each architecture.
FROM scratch AS installed
ARG TARGETARCH
# Enough for dpkg to run, which then installs everything over itself.
COPY root/$TARGETARCH /
COPY debs/$TARGETARCH /debs
COPY etc/common etc/$TARGETARCH /etc/
RUN DEBIAN_FRONTEND=noninteractive dpkg --force-depends --install /debs/*.deb && rm -r /debs /var/log/dpkg.log
# What the world has in place of crates.io.
COPY crates /usr/share/cargo/registry
COPY cargo.toml /.cargo/config.toml

FROM scratch
COPY --from=installed / /
CMD ["bash"]
