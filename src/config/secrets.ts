// The secrets of a configuration, for those who must keep them out of what they write (S1).
import type { Config } from './schema.ts';

/** Every key, credential and header value of the configuration that nobody may read in a log or a result. */
export function configSecrets(config: Config): string[] {
  const settings = Object.values(config.plugins.settings);
  const credentials = settings.flatMap(({ credential }) =>
    typeof credential === 'object' ? Object.values(credential).map(String) : (credential ?? []),
  );
  const headers = settings.flatMap((plugin) =>
    Object.entries(plugin.headers ?? {})
      .filter(([name]) => /authorization|cookie|key|token|secret/i.test(name))
      .map(([, value]) => String(value)),
  );
  const keys = config.upstreams.flatMap((upstream) => upstream.key ?? []);
  return [
    ...keys,
    ...credentials,
    ...headers,
    ...config.access.consumers.map((consumer) => consumer.key),
    ...storeSecrets(config.store),
  ];
}

/** The password of a database stands in its URL: before the host, or in the query. */
function storeSecrets({ url, key }: Config['store']): string[] {
  const keys = key === undefined ? [] : [key];
  if (!URL.canParse(url)) return keys;
  const { password, searchParams } = new URL(url);
  const passwords = [password, decoded(password), searchParams.get('password') ?? ''];
  return [...keys, ...new Set(passwords.filter((text) => text !== ''))];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
