// Where the real data lies that some tests need; a user's clone does not have it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The folder of real manifests, documents and recordings; `null` where it is absent. Throws where it is absent and
 * `PLUGIN_GATEWAY_REQUIRE_SHARED` is set: there, nothing may be skipped.
 */
export function sharedFolder(): string | null {
  const folder =
    process.env['PLUGIN_GATEWAY_SHARED'] ?? fileURLToPath(new URL('../../shared', import.meta.url));
  if (existsSync(`${folder}/recordings/loops.jsonl`)) return folder;
  if (process.env['PLUGIN_GATEWAY_REQUIRE_SHARED']) throw new Error(`the real data is not in ${folder}`);
  return null;
}

/** Test options that skip a test, saying why, where the data is absent. */
export const needsShared: { skip: string | false } = { skip: sharedFolder() === null && 'needs ../shared' };
