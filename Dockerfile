# A static binary, a user of its own, nothing to write to but the volume.
#
#   mage image
#
# or, without mage:
#
#   docker build --build-arg COMMIT=$(git rev-parse HEAD) \
#     --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) --tag threatqbeat .

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG COMMIT=unknown
ARG SOURCE_DATE_EPOCH=0
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN PLATFORMS="$TARGETOS/$TARGETARCH" go tool mage build && \
    install -D "build/bin/$TARGETOS-$TARGETARCH/threatqbeat" /out/threatqbeat

# Not "scratch": Libbeat reads os-release, and the health check needs wget.
FROM alpine:3
RUN apk add --no-cache ca-certificates && \
    addgroup -S -g 10001 threatqbeat && \
    adduser -S -D -H -u 10001 -G threatqbeat -h /var/lib/threatqbeat threatqbeat && \
    install -d -o threatqbeat -g threatqbeat -m 0750 /var/lib/threatqbeat
COPY --from=build /out/threatqbeat /usr/share/threatqbeat/threatqbeat
COPY LICENSE NOTICE threatqbeat.spec.yml threatqbeat.reference.yml /usr/share/threatqbeat/
COPY threatqbeat.yml /etc/threatqbeat/

USER 10001:10001
WORKDIR /var/lib/threatqbeat
VOLUME /var/lib/threatqbeat
ENV PATH=/usr/share/threatqbeat:$PATH

# Logs go to standard error. A mounted configuration belongs to whoever mounted
# it, which is none of the users in here.
ENTRYPOINT ["/usr/share/threatqbeat/threatqbeat", "--environment=container", "--strict.perms=false", \
    "--path.home=/usr/share/threatqbeat", "--path.config=/etc/threatqbeat", \
    "--path.data=/var/lib/threatqbeat", "--path.logs=/var/lib/threatqbeat/logs"]
CMD ["run"]
