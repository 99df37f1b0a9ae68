// Which server an operation's requests go to (`openapi.md` M23 to M27).
import type { Json } from '../openai/chat.ts';
import type { Report } from '../openapi/diagnostic.ts';
import { entriesOf, isObject, listMember, member, textMember } from '../openapi/value.ts';

/** What the choice of a server depends on. */
export interface ServerContext {
  /** URL that the document came from, or as if from; `null` for a local file. */
  readonly documentUrl: string | null;
  /** URL of the manifest; `null` for a file of the operator's folder. */
  readonly manifestUrl: string | null;
  /** The manifest's own domain, where it names one (store wrapper). */
  readonly domain: string | null;
  /** `settings.server`: replaces all that the document says. */
  readonly server: string | null;
  /** Whether the operator allows a private address that a public document names. Default: none. */
  readonly allows?: (url: URL) => boolean;
}

/** A chosen base URL without trailing slash; `null` when none is known. */
export interface ServerChoice {
  readonly url: string | null;
  /** Hosts that were listed but belong to somebody else. */
  readonly foreign: readonly string[];
}

/** Hosts under which strangers live side by side: below them a site has one label more (M26). */
const sharedHosts = new Set(
  `vercel.app netlify.app herokuapp.com run.app web.app firebaseapp.com appspot.com cloudfunctions.net repl.co replit.app
  replit.dev github.io githubusercontent.com gitlab.io pages.dev workers.dev onrender.com fly.dev railway.app glitch.me
  deno.dev azurewebsites.net azure-api.net azurecontainerapps.io windows.net amazonaws.com cloudfront.net awsapprunner.com
  ngrok.io ngrok.app ngrok-free.app csb.app hf.space streamlit.app surge.sh supabase.co pythonanywhere.com pluginlab.ai
  blogspot.com wordpress.com myshopify.com wixsite.com trycloudflare.com loca.lt`.split(/\s+/),
);

const secondLevels = new Set(['co', 'com', 'org', 'net', 'gov', 'edu', 'ac', 'or', 'ne', 'go']);

function siteOf(host: string): string {
  if (/^[0-9.]+$|:/.test(host)) return host;
  const labels = host.split('.');
  let size = (labels.at(-1)?.length ?? 0) === 2 && secondLevels.has(labels.at(-2) ?? '') ? 3 : 2;
  for (let length = 2; length < labels.length; length += 1) {
    if (sharedHosts.has(labels.slice(-length).join('.'))) size = length + 1;
  }
  return labels.slice(-size).join('.');
}

function isBelow(host: string, root: string): boolean {
  return host === root || host.endsWith(`.${root}`);
}

/** Private by its spelling: it decides a choice only, egress guards the real address. */
function isPrivate(host: string): boolean {
  return (
    /^(?:localhost|.*\.(?:localhost|local|internal|lan|test))$/.test(host) ||
    /^(?:0|10|127|169\.254|192\.168|172\.(?:1[6-9]|2[0-9]|3[01]))\./.test(host) ||
    /^\[(?:::1?\]|::ffff:|f[cd]|fe80)/.test(host)
  );
}

function parse(text: string, base: string | null): URL | null {
  return URL.parse(text, base ?? undefined);
}

/** The URL of a server object, its variables filled with their defaults; `null` where it is unusable (M27). */
function readServer(server: Json, base: string | null, context: ServerContext): URL | null {
  let text = textMember(server, 'url')?.trim();
  if (text === undefined) return null;
  for (const [name, variable] of entriesOf(member(server, 'variables'))) {
    const values = listMember(variable, 'enum');
    const value = member(variable, 'default') ?? values[0];
    if (typeof value === 'string' || typeof value === 'number')
      text = text.split(`{${name}}`).join(String(value));
  }
  return /[<>{}$\s]|your-app-url\.com|PLUGIN_HOSTNAME/.test(text) ? null : usable(parse(text, base), context);
}

function usable(url: URL | null, context: ServerContext): URL | null {
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return null;
  const from = context.documentUrl === null ? null : parse(context.documentUrl, null);
  const mistaken = from !== null && !isPrivate(from.hostname) && isPrivate(url.hostname);
  return mistaken && context.allows?.(url) !== true ? null : url;
}

/** `https://host/base`: no trailing slash, no query, no fragment. */
function baseOf(url: URL): string {
  let end = url.pathname.length;
  while (end > 0 && url.pathname[end - 1] === '/') end -= 1;
  return `${url.origin}${url.pathname.slice(0, end)}`;
}

/** The plugin's root domain (M23): the host of the manifest, else of the document, without `www.`. */
function rootDomain(context: ServerContext): string | null {
  const host = context.domain ?? hostOf(context.manifestUrl) ?? hostOf(context.documentUrl);
  return host?.toLowerCase().replace(/^www\./, '') ?? null;
}

function hostOf(url: string | null): string | null {
  return url === null ? null : (parse(url, null)?.hostname ?? null);
}

/**
 * Chooses the server of one operation (M24): the operator's; the nearest of the levels that list any (operation, path,
 * root), of these the first that belongs to the plugin; `info.servers`; the document's origin; the manifest's origin.
 */
export function chooseServer(
  levels: readonly (Json | undefined)[],
  info: Json | undefined,
  context: ServerContext,
): ServerChoice {
  if (context.server !== null) {
    const own = parse(context.server, context.documentUrl);
    return { url: own && baseOf(own), foreign: [] };
  }
  const origin = context.domain === null ? null : `https://${context.domain}`;
  const base = context.documentUrl ?? context.manifestUrl ?? origin;
  const nearest = levels.map(serversOf).find((servers) => servers.length > 0) ?? [];
  const foreign: string[] = [];
  for (const servers of [nearest, serversOf(member(info, 'servers'))]) {
    const urls = servers.map((server) => readServer(server, base, context)).filter((url) => url !== null);
    const chosen = chooseOwn(urls, context);
    if (chosen) return { url: baseOf(chosen), foreign: [] };
    foreign.push(...urls.map((url) => url.host));
  }
  // an operator who points a manifest of the folder at a document on another host means the document's servers:
  // LibreChat's guide recommends it, and its host is then the only root domain known
  const vouched = context.manifestUrl === null && context.domain === null && foreign.length > 0;
  if (vouched) {
    const url = nearest.map((server) => readServer(server, base, context)).find((one) => one !== null);
    if (url) return { url: baseOf(url), foreign };
  }
  const fallback = usable(parse(context.documentUrl ?? context.manifestUrl ?? origin ?? '', null), context);
  return { url: fallback && fallback.origin, foreign };
}

function serversOf(value: Json | undefined): Json[] {
  const list = Array.isArray(value) ? value : isObject(value) ? [value] : [];
  return list.map((server) => (typeof server === 'string' ? { url: server } : server));
}

/** In a local document the first; else the first at or below the root domain, else the first on the same site. */
function chooseOwn(urls: readonly URL[], context: ServerContext): URL | undefined {
  const root = rootDomain(context);
  if (context.documentUrl === null || root === null) return urls[0];
  return (
    urls.find((url) => isBelow(url.hostname, root)) ??
    urls.find((url) => siteOf(url.hostname) === siteOf(root))
  );
}

/** Says once per document what is odd about its servers (D8, M25). */
export function reportServers(choice: ServerChoice, listed: boolean, pointer: string, report: Report): void {
  if (choice.url === null) {
    const message =
      'No server is known: the functions are shown, but calls fail. Add "servers" to the document, or set "server" in the settings of the plugin.';
    report.warning('server-unknown', pointer, message);
  } else if (choice.foreign.length > 0) {
    const hosts = [...new Set(choice.foreign)].join(', ');
    const message = `The document's servers (${hosts}) lie outside the plugin's domain; ${choice.url} is used. Set "server" in the settings to decide.`;
    report.warning('server-foreign', pointer, message);
  } else if (!listed) {
    report.warning('servers-missing', '', `The document lists no usable server; ${choice.url} is used.`);
  }
}
