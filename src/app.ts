// Joins the rooms into one gateway that does not listen yet; the only file that knows them all.
import { randomUUID } from 'node:crypto';
import description from '../package.json' with { type: 'json' };
import { createAuthentication } from './access/consumer.ts';
import type { KeptSteps } from './completion/continuity.ts';
import type { ParkedPart } from './completion/park.ts';
import type { Config } from './config/schema.ts';
import type { Json } from './openai/chat.ts';
import { configSecrets } from './config/secrets.ts';
import { createEgress } from './egress/create-egress.ts';
import { gatewayError } from './errors.ts';
import { createAnswerIds } from './http/answer-ids.ts';
import { authenticateHook } from './http/authenticate.ts';
import { chatCompletionsRoutes } from './http/chat-completions.ts';
import { demoModelsRoutes } from './http/demo-models.ts';
import type { ExchangeOptions } from './http/exchange.ts';
import { createGrantedTools } from './http/granted-tools.ts';
import { healthRoutes } from './http/health.ts';
import { listenAt, stopServer } from './http/listen.ts';
import { modelsRoutes } from './http/models.ts';
import { passThroughRoutes, type PassThroughOptions } from './http/pass-through.ts';
import { pluginsRoutes } from './http/plugins.ts';
import { createRefusedTools } from './http/refused-tools.ts';
import { createServer } from './http/server.ts';
import { defaultCapabilities } from './openai/capabilities.ts';
import { commonForm } from './openai/function-form.ts';
import { createPluginCall } from './plugin/call.ts';
import { createFunctionForms } from './plugin/function-form.ts';
import { keepCurrent } from './plugin/keep-current.ts';
import { createRegistry, type Registry } from './plugin/registry.ts';
import type { ParkedParts } from './store/parked-parts.ts';
import { openStore } from './store/store.ts';
import { createAudit } from './telemetry/audit.ts';
import { silentLog, type Log } from './telemetry/log.ts';
import { createDemoModel } from './upstream/demo-model.ts';
import { createModelList } from './upstream/model-list.ts';
import { Route, type RouteEvents } from './upstream/route.ts';
import { createUpstreams, type Upstreams } from './upstream/upstream.ts';

/** A whole gateway. */
export interface App {
  readonly registry: Registry;
  /** Starts to listen where the configuration says; the base URL, `http://127.0.0.1:8080`. */
  readonly listen: () => Promise<string>;
  /** Stops taking requests, lets the running ones end within `grace` milliseconds (default 30 s), then cuts them. Once. */
  readonly close: (grace?: number) => Promise<void>;
}

export interface AppOptions {
  readonly log?: Log;
}

/** Builds a gateway. Loads all plugins first; throws when the configuration cannot work, naming what is wrong. */
export async function createApp(config: Config, { log = silentLog }: AppOptions = {}): Promise<App> {
  const instance = randomUUID();
  const listening: string[] = [];
  const stopping = new AbortController();
  const cutting = new AbortController();
  const userAgent = `plugin-gateway/${description.version}`;
  const audit = createAudit({ log });
  const egress = createEgress({ allow: config.egress.allow, own: () => listening, instance });
  const store = await openStore({ ...config.store, log });
  const { parked, versions } = store;
  const { settings } = config.plugins;
  const since = Date.now();
  const registry = await createRegistry({
    plugins: config.plugins,
    allow: config.egress.allow,
    egress,
    userAgent,
    log,
    versions,
  });
  const current = keepCurrent({ registry, plugins: config.plugins, versions, log, since });
  const upstreams = createUpstreams(config.upstreams, egress.upstream);
  const callPlugin = createPluginCall({
    send: egress.plugin,
    settings,
    resultCharacters: config.budget.resultCharacters,
    secrets: configSecrets(config),
    userAgent,
    audit,
    log,
  });

  const open = createServer({
    log,
    instance,
    hosts: trustedHosts(config),
    keys: config.access.consumers.length > 0,
  });
  const { server } = open;
  healthRoutes(server, { stopping: stopping.signal });
  server.register(async (scope) => {
    const consumerOf = authenticateHook(scope, createAuthentication(config.access.consumers));
    pluginsRoutes(scope, { snapshot: registry.current, consumerOf });
    const answerIds = createAnswerIds();
    chatCompletionsRoutes(scope, {
      log,
      audit,
      answerIds,
      budget: config.budget,
      jsonKeepAlive: config.listen.jsonKeepAlive,
      consumerOf,
      upstreamOf: chooseUpstream(upstreams, log),
      toolsFor: createGrantedTools({
        snapshot: registry.current,
        formFunction: createFunctionForms(({ severity, message, code, source, pointer }) =>
          log[severity === 'info' ? 'info' : 'warn'](message, { code, plugin: source, pointer }),
        ),
        call: callPlugin,
      }),
      refusedTools: createRefusedTools(),
      parked: typedParts<ParkedPart>(parked, ''),
      steps: config.continuity ? typedParts<KeptSteps>(parked, 'history of ') : null,
      runs: store.runs,
      stopping: cutting.signal,
    });
    const [first, ...others] = upstreams.all;
    if (!first) return demoModelsRoutes(scope, ['demo-model']);
    const authorization: PassThroughOptions['authorization'] = (request) => consumerOf(request).authorization;
    const byModel = others.length > 0;
    const forwardFor = (model: string | null) =>
      ((model !== null && upstreams.matching(model)[0]) || first).forward;
    const storedAnswer: PassThroughOptions['storedAnswer'] = (request, id) => {
      const found = answerIds.find(consumerOf(request).partition, id);
      const upstream = upstreams.all.find(({ name }) => name === found?.upstream);
      return found && upstream ? { id: found.id, forward: upstream.forward } : null;
    };
    passThroughRoutes(scope, { forwardFor, byModel, storedAnswer, authorization });
    const leftOut = (upstream: string, error: unknown) => log.warn('models_left_out', { upstream, error });
    if (byModel) modelsRoutes(scope, { list: createModelList(upstreams, leftOut), authorization });
  });

  async function shutDown(grace: number): Promise<void> {
    stopping.abort();
    current.close();
    await stopServer(open, grace, () => cutting.abort(gatewayError('overloaded', ['stopping'])));
    await Promise.all([egress.close(), registry.close()]);
    await store.close();
  }
  let closed: Promise<void> | undefined;

  return {
    registry,
    async listen() {
      const { url, addresses } = await listenAt(open, config.listen);
      listening.push(...addresses);
      return url;
    },
    close: (grace = 30_000) => (closed ??= shutDown(grace)),
  };
}

/** The upstreams of a model, those configured that serve it, or the demo model while none is configured. */
function chooseUpstream(upstreams: Upstreams, log: Log): ExchangeOptions['upstreamOf'] {
  if (upstreams.all.length > 0) {
    return (model, request, requestId) => {
      const [first, ...others] = upstreams.matching(model);
      const events: RouteEvents = {
        onFallback: (from, to, error) => log.warn('upstream_fallback', { requestId, from, to, error }),
        onRest: (upstream) => log.warn('upstream_rests', { requestId, upstream }),
      };
      return first ? new Route([first, ...others], request, events) : null;
    };
  }
  const demo = createDemoModel();
  const capabilities = { of: () => defaultCapabilities, learn: () => undefined };
  return () => ({ name: demo.name, capabilities, form: commonForm, ask: () => demo.ask, forward: null });
}

/** The store keeps JSON and does not know what it is. */
function typedParts<Part>({ put, find }: ParkedParts, kind: string) {
  const shelf = (partition: string) => kind + partition;
  return {
    put: (partition: string, ids: readonly string[], part: Part) =>
      put(shelf(partition), ids, part as unknown as Json),
    find: async (partition: string, ids: readonly string[]) =>
      (await find(shelf(partition), ids)) as unknown as ReadonlyMap<string, readonly Part[]>,
  };
}

/** I11: hosts that a request without a key may name; `null` where keys or the operator's choice protect. */
function trustedHosts({ listen, access }: Config): ReadonlySet<string> | null {
  const loopback = listen.host === 'localhost' || listen.host === '::1' || listen.host.startsWith('127.');
  return access.consumers.length === 0 && loopback ? new Set([listen.host]) : null;
}
