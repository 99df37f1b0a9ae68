# syntax=docker/dockerfile:1
# Builds dist/, which holds the packages that the gateway uses, then carries it without them.
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json build.ts ./
COPY src src
RUN npm run build

FROM node:26-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080
# For a core or two. V8's four helpers would take the only core from the requests while they collect garbage.
ENV NODE_OPTIONS="--max-semi-space-size=32 --v8-pool-size=1"
WORKDIR /app
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY config config
COPY well-known well-known
# The embedded database lies in data/, the only folder that the process writes to.
RUN mkdir data && chown node:node data
USER node
EXPOSE 8080
VOLUME /app/data
HEALTHCHECK --interval=30s --timeout=3s --start-period=15s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# The first 256 MB need no full collection, each of which holds up requests for milliseconds; small ones come between two
# turns of the event loop, when little is alive, not in the middle of one. NODE_OPTIONS cannot hold these two.
CMD ["node", "--initial-old-space-size=256", "--minor-gc-task-trigger=50", "bin/plugin-gateway.js", "serve"]
