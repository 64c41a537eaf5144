# docker build -t vgg16 .
# docker run --rm -v "$PWD:/data" -v vgg16-cache:/cache vgg16 classify photos -o labels.csv -m mini
#
# Debian, because TensorFlow needs glibc. Two stages can be built: the last, whose entry point is vgg16, and "shell" without
# one, for engines that give a whole command line: docker build --target shell -t vgg16:shell .

FROM node:20-bookworm-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends g++ python3 python3-pip \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/vgg16
# TensorFlow is unpacked here, and the packages link to it: the same path in both stages, readable by everyone.
ENV VGG16_CACHE_DIR=/opt/vgg16-runtime
COPY package.json package-lock.json ./
COPY scripts/install scripts/install
RUN npm ci --ignore-scripts --no-audit --no-fund \
  && node scripts/install/install.mjs \
  && chmod -R a+rX /opt/vgg16-runtime
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:20-bookworm-slim AS shell
WORKDIR /opt/vgg16
COPY --from=build /opt/vgg16-runtime /opt/vgg16-runtime
COPY --from=build /opt/vgg16/node_modules node_modules
COPY --from=build /opt/vgg16/package.json /opt/vgg16/.oclif.manifest.json /opt/vgg16/LICENSE ./
COPY --from=build /opt/vgg16/bin/run.js bin/run.js
COPY --from=build /opt/vgg16/scripts/install scripts/install
COPY --from=build /opt/vgg16/fixtures/models/mini.safetensors /opt/vgg16/fixtures/models/mini.golden.json fixtures/models/
COPY --from=build /opt/vgg16/dist dist
# Any user may write there: with -u "$(id -u):$(id -g)" the outputs are yours.
RUN ln -s /opt/vgg16/bin/run.js /usr/local/bin/vgg16 && mkdir -m 1777 /cache /data
# SHELL: else oclif asks for the user's, which fails for a number without a name.
ENV VGG16_CACHE_DIR=/cache SHELL=/bin/sh
VOLUME /cache
WORKDIR /data
# node; as a number, so that Kubernetes sees that it is not root.
USER 1000

FROM shell
ENTRYPOINT ["vgg16"]
